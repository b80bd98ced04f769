"""When cards and network answers are looked for, against a scripted page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from embedded.demo.answers import answer_of
from embedded.demo.cards import render
from embedded.demo.generator import PlaceKey, demo_review
from scrapers.sites.google_reviews import sources
from scrapers.sites.google_reviews.sources import Sources

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
REVIEWS = [demo_review(PlaceKey(reviews=30), index) for index in range(30)]


@dataclass(slots=True)
class ScriptedPage:
    """Gives one entry of ``looks`` a look, and nothing after the last."""

    looks: list[tuple[str, ...]]
    patterns: list[str] = field(default_factory=list)
    waits: int = 0
    url: str = ""

    def listen(self, pattern: str) -> None:
        self.patterns.append(pattern)

    def answers(self) -> Sequence[str]:
        return self.looks.pop(0) if self.looks else ()

    def wait_for(self, script: str, *args: Any, timeout_s: float) -> None:
        self.waits += 1

    def run(self, script: str, *args: Any) -> Any:
        raise NotImplementedError

    def open(self, url: str) -> None:
        raise NotImplementedError

    def html(self) -> str:
        raise NotImplementedError

    def tidy(self) -> None:
        raise NotImplementedError


def answer(first: int, last: int) -> str:
    return answer_of(
        REVIEWS[first:last], cursor="x", shape="network", base_url="http://s", counted_from=NOW
    )


def origins(both: Sources, first: int, last: int) -> list[str]:
    html = "".join(render(review, "http://s")["html"] for review in REVIEWS[first:last])
    return [origin for _, origin in both.of_cards(html, NOW)]


def test_the_answer_is_looked_for_before_its_cards_are_taken() -> None:
    page = ScriptedPage([(answer(0, 10),)])
    both = Sources(page)
    assert len(page.patterns) == 1
    assert origins(both, 0, 10) == ["joined"] * 10
    assert page.waits == 0


def test_cards_wait_for_an_answer_that_is_told_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LATE_S", 60.0)
    page = ScriptedPage([(answer(0, 10),), (), (), (answer(10, 20),)])
    both = Sources(page)
    assert origins(both, 0, 10) == ["joined"] * 10
    assert origins(both, 10, 20) == ["joined"] * 10
    assert page.waits == 2


def test_a_network_that_falls_silent_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LATE_S", 0.05)
    page = ScriptedPage([(answer(0, 10),)])
    both = Sources(page)
    assert origins(both, 0, 10) == ["joined"] * 10
    assert origins(both, 10, 20) == ["dom"] * 10
    waited = page.waits
    assert waited > 0
    assert origins(both, 20, 30) == ["dom"] * 10
    assert page.waits == waited


def test_a_network_that_says_nothing_is_not_waited_for() -> None:
    page = ScriptedPage([("<html>",), (")]}'\n[null,null,null,null,null,true]",)])
    both = Sources(page)
    assert origins(both, 0, 10) == ["dom"] * 10
    assert page.waits == 0


def test_cards_that_come_again_are_not_waited_for() -> None:
    page = ScriptedPage([(answer(0, 10),)])
    both = Sources(page)
    assert origins(both, 0, 10) == ["joined"] * 10
    assert origins(both, 5, 10) == ["dom"] * 5
    assert page.waits == 0


def test_what_served_is_reported_once() -> None:
    both = Sources(ScriptedPage([(answer(0, 5),)]))
    for origin in origins(both, 0, 10):
        both.count(origin)
    report = both.extracted()
    assert report.sources == {"joined": 5, "dom": 5}
    assert report.selectors
    again = both.extracted()
    assert (dict(again.sources), dict(again.selectors)) == ({}, {})
