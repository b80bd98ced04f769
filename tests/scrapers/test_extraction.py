"""How an attempt has read its items: its event, its log lines, its metric."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pytest
from prometheus_client import CollectorRegistry

from scrapers.contract import (
    Extracted,
    FieldSelectors,
    Finished,
    Found,
    Page,
    Report,
    Target,
)
from scrapers.extraction import FieldUse, log_extraction, uses_of
from scrapers.metrics import WorkerMetrics
from scrapers.sites.google_reviews import scraper
from streams.domain.events import AttemptFailed, AttemptSucceeded, ExtractionReported
from streams.domain.ids import JobId
from streams.domain.tasks import ScrapeTask
from streams.errors import TargetRefusedError
from tests.support.attempt_stage import REVIEWS, ScriptedBrowser, lost, stage

CARD = FieldSelectors(field="card", usual=("div.a",), fallbacks=("div", "p"), is_expected=True)
RATING = FieldSelectors(field="rating", usual=("i", "u"), fallbacks=("b",), is_expected=True)
LIKES = FieldSelectors(field="likes", usual=("em",), fallbacks=("a b",))
FIELDS = (CARD, RATING, LIKES)
TASK = ScrapeTask(
    job_id=JobId("j1"), tenant="public", kind="google_reviews", url="https://maps/1", attempt=1
)


def uses(selectors: Mapping[str, int]) -> dict[str, FieldUse]:
    return {use.table.field: use for use in uses_of(FIELDS, selectors)}


def test_a_field_has_drifted_when_only_fallbacks_serve_or_nothing_does() -> None:
    found = uses({"card div.a": 8, "card p": 2, "rating u": 1, "rating b": 9, "likes a b": 3})
    assert [use.items for use in found.values()] == [10, 10, 10]
    assert {name: use.has_drifted for name, use in found.items()} == {
        "card": False,
        "rating": False,  # some pages are as they were
        "likes": True,
    }
    assert found["card"].fallbacks == {"p": 2}
    assert [found["card"].rank(one) for one in found["card"].counts] == [
        "first choice",
        "fallback 2",
    ]
    assert found["rating"].rank("u") == "first choice"


def test_what_not_every_item_has_may_be_missing() -> None:
    found = uses({"card div.a": 10})
    assert (found["rating"].is_missing, found["rating"].has_drifted) == (True, True)
    assert (found["likes"].is_missing, found["likes"].has_drifted) == (False, False)


def test_without_items_nothing_is_said_of_their_fields() -> None:
    assert list(uses({})) == ["card"]
    assert uses({})["card"].has_drifted


def test_each_fallback_is_warned_of_once_and_all_is_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    healthy = {
        table.key(table.usual[0]): 5 for table in scraper.fields if table.field != "relative_date"
    }
    log_extraction(TASK, scraper, Extracted(selectors=healthy | {"rating span[aria-label]": 3}))
    info, *warnings = [record.__dict__ for record in caplog.records]
    assert info["message"] == "selectors served"
    assert info["selectors"]["rating span[aria-label]"] == 3
    assert [(one["levelname"], one["field"], one.get("selector")) for one in warnings] == [
        ("WARNING", "rating", "span[aria-label]"),
        ("WARNING", "relative_date", None),
    ]
    assert all((one["job_id"], one["attempt"]) == ("j1", 1) for one in (info, *warnings))


def test_items_that_come_by_another_way_than_the_page_warn_of_its_cards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_extraction(TASK, scraper, Extracted(sources={"network": 40}))
    (warning,) = [record.__dict__ for record in caplog.records if record.levelno >= logging.WARNING]
    assert (warning["message"], warning["field"]) == ("no selector finds a field", "card")


def test_nothing_is_logged_when_nothing_was_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_extraction(TASK, scraper, Extracted())
    assert not caplog.records


def test_the_metric_counts_what_is_in_the_tables_and_starts_at_zero() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, [scraper])

    def shown(field: str, selector: str) -> float | None:
        labels = {"kind": "google_reviews", "field": field, "selector": selector}
        return registry.get_sample_value("scraper_selector_used_total", labels)

    assert shown("rating", "span.kvMYJc") == 0
    for _ in range(2):
        metrics.extracted(
            scraper, Extracted(selectors={"rating span.kvMYJc": 10, "rating made up": 1})
        )
    assert shown("rating", "span.kvMYJc") == 20
    assert shown("rating", "made up") is None
    (family,) = registry.collect()
    totals = [sample for sample in family.samples if sample.name.endswith("_total")]
    assert len(totals) == sum(len(table.selectors) for table in scraper.fields)


async def test_the_event_is_said_before_the_end_and_adds_up_over_lost_browsers() -> None:
    def scrape(page: Page, target: Target) -> Iterator[Report]:
        for number in range(2):
            yield Found(items=page.run("batch", number))
            yield Extracted(selectors={"rating b": 10}, sources={"dom": 9, "network": 1})
        yield Finished(outcome="partial")

    async with stage(ScriptedBrowser({1: lost}), ScriptedBrowser(), scrape=scrape) as on:
        await on.run()
        *_, reported, ended = on.events()
    assert reported == ExtractionReported(
        attempt=1,
        worker="w1",
        selectors={"rating b": 30},  # the second browser has read the first batch again
        sources={"dom": 27, "network": 3},
    )
    assert isinstance(ended, AttemptSucceeded)


async def test_an_attempt_that_fails_has_read_something_too() -> None:
    def scrape(page: Page, target: Target) -> Iterator[Report]:
        yield Found(items=REVIEWS[:1])
        yield Extracted(selectors={"rating b": 1})
        raise TargetRefusedError("captcha", "a question", may_retry=False)

    async with stage(ScriptedBrowser(), scrape=scrape) as on:
        await on.run()
        *_, reported, ended = on.events()
    assert isinstance(reported, ExtractionReported)
    assert isinstance(ended, AttemptFailed)


async def test_an_attempt_that_has_read_nothing_says_nothing_of_it() -> None:
    async with stage(ScriptedBrowser()) as on:
        await on.run()
        assert not any(isinstance(event, ExtractionReported) for event in on.events())
