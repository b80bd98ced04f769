"""The way to a place by its address: short links, languages, searches, dead ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from scrapers.contract import Progress
from scrapers.sites.google_reviews.entry import reach_place
from scrapers.sites.google_reviews.place import Reading
from scrapers.sites.google_reviews.scripts import REJECT_CONSENT
from streams.errors import TargetRefusedError

SHORT = "https://maps.app.goo.gl/abc"
PLACE = "https://www.google.com/maps/place/Cafe"
A_PLACE = '<div role="main"><h1 class="DUwDvf">Cafe</h1><button role="tab">Reviews</button></div>'
RESULTS = (
    '<div role="feed"><div class="Nv2PK"><a class="hfpxzc" aria-label="Cafe" '
    'href="/maps/place/Cafe"></a></div><div class="Nv2PK"><a class="hfpxzc" aria-label="Tearoom" '
    'href="/maps/place/Tearoom"></a></div></div><p>Some results and much around them.</p>'
)
CONSENT = '<form action="https://consent.google.com/save"><button>Reject all</button></form>'


class Visited:
    """A tab in which each address leads to another one and shows its HTML."""

    def __init__(self, leads_to: Mapping[str, tuple[str, str]]) -> None:
        self.leads_to = leads_to
        self.opened: list[str] = []
        self.declined = 0

    @property
    def url(self) -> str:
        return self.leads_to[self.opened[-1]][0]

    def open(self, url: str) -> None:
        self.opened.append(url)

    def html(self) -> str:
        return self.leads_to[self.opened[-1]][1]

    def run(self, script: str, *_: Any) -> Any:
        self.declined += script == REJECT_CONSENT
        return True

    def wait_for(self, _script: str, *_: Any, timeout_s: float) -> Any:
        return timeout_s > 0

    def tidy(self) -> None:
        """Nothing to free."""


def reached(page: Any, url: str, language: str | None = None) -> tuple[Reading, list[str]]:
    steps = reach_place(page, url, language)
    stages: list[str] = []
    while True:
        try:
            report = next(steps)
        except StopIteration as end:
            return end.value, stages
        assert isinstance(report, Progress)
        stages.append(report.stage)


def test_a_short_link_ends_at_its_place() -> None:
    page = Visited({SHORT: (PLACE, A_PLACE)})
    reading, _ = reached(page, SHORT)
    assert (reading.outcome, reading.place.url) == ("completed", PLACE)


def test_the_language_is_added_where_a_short_link_leads() -> None:
    page = Visited(
        {
            f"{SHORT}?hl=fr": (f"{PLACE}?entry=x", A_PLACE),
            f"{PLACE}?entry=x&hl=fr": (f"{PLACE}?entry=x&hl=fr", A_PLACE),
        }
    )
    reading, _ = reached(page, SHORT, "fr")
    assert reading.place.url == f"{PLACE}?entry=x&hl=fr"
    assert len(page.opened) == 2


@pytest.mark.parametrize("html", ["<p>Dynamic link not found, sorry for that</p>", ""])
def test_a_dead_short_link_says_so(html: str) -> None:
    with pytest.raises(TargetRefusedError, match="short link leads to no place") as refused:
        reached(Visited({SHORT: (SHORT, html)}), SHORT)
    assert (refused.value.outcome, refused.value.may_retry) == ("not_a_place", False)


def test_a_place_on_a_host_that_is_not_googles_is_none() -> None:
    page = Visited({SHORT: ("https://evil.example/maps/place/Cafe", A_PLACE)})
    with pytest.raises(TargetRefusedError, match=r"evil\.example, which is not Google Maps"):
        reached(page, SHORT)


def test_a_search_leads_to_the_place_of_its_name_in_the_language() -> None:
    search = "https://www.google.com/maps/search/cafe"
    page = Visited(
        {f"{search}?hl=es": (search, RESULTS), f"{PLACE}?hl=es": (f"{PLACE}?hl=es", A_PLACE)}
    )
    reading, stages = reached(page, search, "es")
    assert reading.outcome == "completed"
    assert stages == ["opening_result"]


def test_a_search_for_many_places_is_refused_with_their_number() -> None:
    search = "https://www.google.com/maps/search/drinks"
    with pytest.raises(TargetRefusedError, match="2 results"):
        reached(Visited({search: (search, RESULTS)}), search)


def test_a_cookie_question_that_stays_is_declined_twice() -> None:
    page = Visited({PLACE: ("https://consent.google.com/m?continue=x", CONSENT)})
    reading, stages = reached(page, PLACE)
    assert reading.outcome == "consent_wall"
    assert (page.declined, stages) == (2, ["consent", "consent"])
