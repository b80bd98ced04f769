"""The kind that scrapes nothing does what its URL says."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from scrapers.bare_page import NoBrowser
from scrapers.contract import Described, Finished, Found, Report, Target
from scrapers.registry import accepted_examples, catalogue
from scrapers.sites.noop import scrape, scraper
from scrapestream.process.api import catalogue_of
from streams.errors import BrowserLostError, InvalidRequestError, TargetRefusedError
from streams.settings import Settings

WAIT_S = 10.0


def reports_of(query: str, known_ids: Sequence[str] = ()) -> list[Report]:
    with NoBrowser().open_page() as page:
        target = Target(url=f"https://noop.invalid/?{query}", known_ids=frozenset(known_ids))
        return list(scrape(page, target))


def ids_in(reports: Sequence[Report]) -> list[str]:
    return [
        str(item["item_id"])
        for report in reports
        if isinstance(report, Found)
        for item in report.items
    ]


def test_it_makes_up_as_many_items_as_it_is_asked_for() -> None:
    reports = reports_of("items=120")
    assert reports[0] == Described(title="noop", items_total=120)
    assert ids_in(reports) == [f"noop-{number}" for number in range(1, 121)]
    assert reports[-1] == Finished(outcome="completed")


def test_what_an_earlier_attempt_found_is_not_found_again() -> None:
    assert ids_in(reports_of("items=3", ["noop-1", "noop-2"])) == ["noop-3"]


def test_it_takes_its_time() -> None:
    began_s = time.monotonic()
    reports_of("items=10&ms=60")
    assert time.monotonic() - began_s >= 0.05


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("crash", RuntimeError),
        ("refused", TargetRefusedError),
        ("lost", BrowserLostError),
        ("blocked", TargetRefusedError),
    ],
)
def test_it_fails_as_it_is_told(how: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        reports_of(f"items=10&fail={how}")


def test_it_fails_after_some_items() -> None:
    target = Target(url="https://noop.invalid/?items=200&fail=blocked&at=70")
    found: list[Report] = []

    def until_it_fails() -> None:
        with NoBrowser().open_page() as page:
            found.extend(iter(scrape(page, target)))

    with pytest.raises(TargetRefusedError):
        until_it_fails()
    assert len(ids_in(found)) == 70


@pytest.mark.parametrize("query", ["items=x", "items=-1", "ms=99999999", "items=100001"])
def test_numbers_that_are_none_are_refused(query: str) -> None:
    with pytest.raises(InvalidRequestError):
        reports_of(query)


def test_its_wait_ends_when_it_is_killed() -> None:
    browser = NoBrowser()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            with browser.open_page() as page:
                list(scrape(page, Target(url="https://noop.invalid/?ms=60000")))
        except BrowserLostError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    browser.kill()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert len(ended) == 1


def test_clients_see_it_only_when_it_is_allowed() -> None:
    assert "noop" not in accepted_examples()
    assert scraper.name not in {kind["name"] for kind in catalogue()}
    url = scraper.examples[0]
    assert catalogue_of(Settings()).find_kind(url) is None
    found = catalogue_of(Settings(allow_noop=True)).find_kind(url)
    assert found is not None
    assert found.name == "noop"
