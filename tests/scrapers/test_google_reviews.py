"""Google reviews with a real Chromium against the demo site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastavro.validation import validate

from embedded.demo.generator import PlaceKey, generate, list_order
from scrapers.browser import Browser
from scrapers.contract import Described, Finished, Found, Item, Progress, Report, Target
from scrapers.sites.google_reviews import scraper, scroll
from streams.errors import TargetRefusedError

PLACE = "/maps/place/Cafe+Central"
DATE_SLACK = {"minute": timedelta(minutes=2), "hour": timedelta(hours=1)}
"""The clock moves between the scrape and the truth; coarser dates may cross midnight."""


def scrape(
    browser: Browser, url: str, known_ids: frozenset[str] = frozenset(), **options: str
) -> list[Report]:
    with browser.open_page() as page:
        return list(scraper.scrape(page, Target(url=url, known_ids=known_ids, options=options)))


def sorted_truth(site: str, reviews: int, sort: str) -> list[dict[str, Any]]:
    """The reviews of a place in another order of its list."""
    truth = generate(7, reviews, base_url=site)
    order = list_order(PlaceKey(reviews=reviews), sort)
    return [{**truth[index], "position": place} for place, index in enumerate(order, 1)]


def items_of(reports: Sequence[Report]) -> list[Item]:
    return [item for report in reports if isinstance(report, Found) for item in report.items]


def outcome_of(reports: Sequence[Report]) -> str:
    assert isinstance(reports[-1], Finished)
    return reports[-1].outcome


def assert_equal_to_truth(items: Sequence[Item], truth: Sequence[dict[str, Any]]) -> None:
    assert len(items) == len(truth)
    for item, true in zip(items, truth, strict=True):
        slack = DATE_SLACK.get(true["published_at_precision"], timedelta(days=1))
        assert abs(item["published_at"] - true["published_at"]) <= slack
        # `true` names every field of the schema but the envelope: none may differ.
        assert {**item, "published_at": None} == {**true, "published_at": None}


def test_every_review_of_a_place_is_found_with_every_field(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}")
    assert outcome_of(reports) == "completed"
    assert_equal_to_truth(items_of(reports), generate(7, 244, base_url=site))
    (described,) = (report for report in reports if isinstance(report, Described))
    assert (described.title, described.items_total) == ("Cafe Central", 244)
    assert sum(int(described.facts[f"stars_{n}"] or 0) for n in range(1, 6)) == 244
    seen = [report.items_seen for report in reports if isinstance(report, Progress)]
    assert seen == sorted(seen)
    assert seen[-1] == 244


def test_items_fit_their_schema(browser: Browser, site: str) -> None:
    path = Path(__file__).parents[2] / "schemas" / "items" / "google_review.avsc"
    schema = json.loads(path.read_text())
    envelope = {"event_id": "e", "job_id": "j", "tenant": "public", "occurred_at": 0}
    (item,) = items_of(scrape(browser, f"{site}{PLACE}?reviews=1"))
    assert validate({**envelope, **item}, schema)
    assert {field["name"] for field in schema["fields"]} == {*envelope, *item}


def test_a_place_without_a_menu_tab_is_scraped(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}?reviews=37&menu=0&seed=3")
    assert_equal_to_truth(items_of(reports), generate(3, 37, base_url=site))


def test_a_hotel_gives_its_rating_and_date_as_text(browser: Browser, site: str) -> None:
    items = items_of(scrape(browser, f"{site}{PLACE}?reviews=12&layout=hotel"))
    truth = generate(7, 12, base_url=site)
    assert [item["rating"] for item in items] == [true["rating"] for true in truth]
    assert [item["relative_date"] for item in items] == [
        f"{true['relative_date']} on Google" for true in truth
    ]


def test_known_reviews_count_and_do_not_come_again(browser: Browser, site: str) -> None:
    truth = generate(7, 25, base_url=site)
    known = frozenset(true["review_id"] for true in truth[:17])
    reports = scrape(browser, f"{site}{PLACE}?reviews=25", known)
    assert_equal_to_truth(items_of(reports), truth[17:])
    assert outcome_of(reports) == "completed"
    assert max(r.items_seen for r in reports if isinstance(r, Progress)) == 25


def test_consent_is_declined_and_passed(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}?reviews=2&view=consent")
    assert len(items_of(reports)) == 2
    assert Progress(stage="consent", items_seen=0) in reports


def test_a_place_without_reviews_is_finished_so(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}?view=no_reviews")
    assert outcome_of(reports) == "no_reviews"
    assert not items_of(reports)


@pytest.mark.parametrize(
    ("path", "outcome", "may_retry"),
    [
        ("/about", "not_a_place", False),
        (f"{PLACE}?view=results", "not_a_place", False),
        (f"{PLACE}?view=limited", "limited_view", False),
        (f"{PLACE}?view=captcha", "captcha", False),
    ],
)
def test_a_page_that_cannot_be_scraped_says_why(
    browser: Browser, site: str, path: str, outcome: str, *, may_retry: bool
) -> None:
    with pytest.raises(TargetRefusedError) as refused:
        scrape(browser, site + path)
    assert (refused.value.outcome, refused.value.may_retry) == (outcome, may_retry)
    assert str(refused.value)


def test_a_list_that_stops_short_is_not_called_complete(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}?reviews=60&stop_at=20")
    assert outcome_of(reports) == "truncated_by_source"
    assert len(items_of(reports)) == 20
    assert isinstance(reports[-1], Finished)
    assert "20 of 60" in reports[-1].message


def test_a_list_that_hangs_is_moved_on(
    browser: Browser, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scroll, "IDLE_S", 0.2)
    reports = scrape(browser, f"{site}{PLACE}?reviews=40&stuck_at=20")
    assert outcome_of(reports) == "completed"
    assert_equal_to_truth(items_of(reports), generate(7, 40, base_url=site))


def test_a_list_that_hangs_for_good_is_loaded_again_once(
    browser: Browser, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scroll, "IDLE_S", 0.2)
    truth = sorted_truth(site, 150, "newest")
    # More is behind us than idle rounds end a list: what comes again is no idling.
    reports = scrape(browser, f"{site}{PLACE}?reviews=150&reload_at=130", sort="newest")
    assert outcome_of(reports) == "completed"
    assert_equal_to_truth(items_of(reports), truth)
    assert reports.count(Progress(stage="reloading", items_seen=130)) == 1
    seen = [report.items_seen for report in reports if isinstance(report, Progress)][3:]
    assert seen == sorted(seen)


def test_a_list_that_hangs_after_a_reload_too_is_partial(
    browser: Browser, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scroll, "IDLE_S", 0.2)
    reports = scrape(browser, f"{site}{PLACE}?reviews=40&reload_at=20&reloads=9")
    assert outcome_of(reports) == "partial"
    assert len(items_of(reports)) == 20
    assert [getattr(report, "stage", "") for report in reports].count("reloading") == 1
    assert isinstance(reports[-1], Finished)
    assert "20 of 40" in reports[-1].message


def test_reviews_come_in_the_order_that_was_asked_for(browser: Browser, site: str) -> None:
    newest = scrape(browser, f"{site}{PLACE}?reviews=37", sort="newest")
    assert outcome_of(newest) == "completed"
    assert_equal_to_truth(items_of(newest), sorted_truth(site, 37, "newest"))

    lowest = sorted_truth(site, 37, "lowest")
    known = frozenset(review["review_id"] for review in lowest[:5])
    reports = scrape(browser, f"{site}{PLACE}?reviews=37", known, sort="lowest", max_reviews="18")
    assert outcome_of(reports) == "completed"
    assert_equal_to_truth(items_of(reports), lowest[5:18])  # the job has 18: five it had before
    (described,) = (report for report in reports if isinstance(report, Described))
    assert (described.items_total, described.facts["reviews_announced"]) == (18, 37)

    highest = scrape(browser, f"{site}{PLACE}?reviews=37&menu=0", sort="highest", max_reviews="3")
    assert_equal_to_truth(items_of(highest), sorted_truth(site, 37, "highest")[:3])


def test_an_order_that_the_page_does_not_offer_is_said(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}?reviews=12&sort_menu=0", sort="newest")
    assert_equal_to_truth(items_of(reports), generate(7, 12, base_url=site))
    assert outcome_of(reports) == "completed"
    assert isinstance(reports[-1], Finished)
    assert "did not offer the order 'newest'" in reports[-1].message


def test_more_reviews_than_there_are_is_no_limit(browser: Browser, site: str) -> None:
    reports = scrape(browser, f"{site}{PLACE}?reviews=12", max_reviews="500")
    assert (outcome_of(reports), len(items_of(reports))) == ("completed", 12)
    (described,) = (report for report in reports if isinstance(report, Described))
    assert described.items_total == 12
