"""Which reviews of a list are wanted, and which of them end it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from scrapers.sites.google_reviews.options import Options, read_options
from scrapers.sites.google_reviews.wanted import RUN, Wanted

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def review(said: str | None, review_id: str = "r", exact: datetime | None = None) -> dict[str, Any]:
    return {
        "review_id": review_id,
        "relative_date": said,
        "published_at": exact or (NOW if said else None),
        "published_at_precision": "second" if exact else "month" if said else None,
    }


def since(day: str) -> Options:
    return read_options({"since": day})


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [
        ("2 weeks ago", True),
        ("11 months ago", True),  # from 2025-12-23 on, by a page that rounds down
        ("a year ago", False),  # 2025-11-23 at the latest, and the day is 2025-12-01
        ("2 years ago", False),
        (None, True),  # nobody knows
        ("in olden times", True),
    ],
)
def test_only_what_is_surely_older_is_left_out(said: str | None, *, is_taken: bool) -> None:
    assert Wanted(since("2025-12-01"), kept=0).takes(review(said), NOW) is is_taken


@pytest.mark.parametrize(("day", "is_taken"), [("2025-11-23", True), ("2025-11-27", False)])
def test_the_edge_of_a_relative_date_stays_inside(day: str, *, is_taken: bool) -> None:
    assert Wanted(since(day), kept=0).takes(review("a year ago"), NOW) is is_taken


def test_an_exact_date_is_compared_exactly() -> None:
    wanted = Wanted(since("2026-01-02"), kept=0)
    assert not wanted.takes(
        review("10 months ago", exact=datetime(2026, 1, 1, 23, 59, tzinfo=UTC)), NOW
    )
    assert wanted.takes(review("10 months ago", exact=datetime(2026, 1, 2, tzinfo=UTC)), NOW)


def test_a_run_of_older_reviews_ends_the_list_and_one_alone_does_not() -> None:
    wanted = Wanted(since("2026-01-01"), kept=0)
    for said in ["3 years ago", *["a week ago"] * 3, *["3 years ago"] * (RUN - 1)]:
        wanted.takes(review(said), NOW)
        assert not wanted.is_met
    wanted.takes(review("3 years ago"), NOW)
    assert wanted.is_met
    assert wanted.stopped_at == "reviews older than 2026-01-01"


def test_a_run_of_known_reviews_ends_the_list_where_that_is_asked_for() -> None:
    ids = [f"id{number}" for number in range(30)]
    asked = {"known_ids": ", ".join(ids)}
    for options, ends in ((asked, False), ({**asked, "stop_at_known": "true"}, True)):
        wanted = Wanted(read_options(options), kept=0)
        assert wanted.takes(review("a day ago", "new"), NOW)
        taken = [wanted.takes(review("a day ago", review_id), NOW) for review_id in ids[:RUN]]
        assert not any(taken)
        assert wanted.is_met is ends


def test_few_known_ids_are_enough_when_all_of_them_come() -> None:
    wanted = Wanted(read_options({"known_ids": "a,b", "stop_at_known": "true"}), kept=0)
    wanted.takes(review("a day ago", "a"), NOW)
    assert not wanted.is_met
    wanted.takes(review("a day ago", "b"), NOW)
    assert wanted.is_met


def test_a_list_in_another_order_is_read_to_its_end() -> None:
    wanted = Wanted(since("2026-01-01"), kept=0)
    wanted.is_in_order = False
    for _ in range(3 * RUN):
        assert not wanted.takes(review("3 years ago"), NOW)
    assert not wanted.is_met


def test_the_number_asked_for_counts_what_the_job_has() -> None:
    wanted = Wanted(Options(max_reviews=3), kept=2)
    assert not wanted.is_met
    wanted.keep()
    assert wanted.is_met
    assert wanted.stopped_at == ""
