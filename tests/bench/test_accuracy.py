"""The table of saved pages: what it counts, and what it calls odd."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.accuracy import differences, measure, oddities, values_in
from scrapers.contract import ParsedPage

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REVIEW: dict[str, Any] = {
    "review_id": "Ci9A",
    "author_name": "Ann",
    "author_id": "12",
    "author_url": "https://g/maps/contrib/12/reviews",
    "rating": 4.0,
    "text": "Good.",
    "language": "en",
    "relative_date": "a month ago",
    "published_at": datetime(2026, 10, 23, tzinfo=UTC),
    "likes": 0,
    "photo_urls": [],
    "photos_count": 0,
    "owner_response_text": None,
    "sub_ratings": {},
    "position": 1,
}
CARD = (
    '<div data-review-id="{0}" aria-label="Ann"><span role="img" aria-label="{1} stars"></span>'
    '<button data-href="https://g/maps/contrib/12/r"></button><span>2 months ago</span></div>'
)


def page(*items: dict[str, Any], **place: Any) -> ParsedPage:
    return ParsedPage(outcome="partial", place=place, items=items)


def test_a_plain_page_has_nothing_odd() -> None:
    whole = page(REVIEW, reviews_total=7, histogram={"5": 6, "4": 1})
    assert list(oddities(whole, NOW)) == []


@pytest.mark.parametrize(
    ("changes", "odd"),
    [
        ({"rating": 6.0}, "review 1: rating 6.0"),
        ({"rating": None}, "review 1: rating None"),
        ({"author_name": None}, "review 1: no author"),
        ({"author_id": None}, "review 1: author id None"),
        ({"author_id": "13"}, "review 1: the author's id is not in the author's address"),
        ({"published_at": None}, "review 1: the date 'a month ago' is not understood"),
        (
            {"published_at": datetime(2027, 1, 1, tzinfo=UTC)},
            "review 1: published in the future, at 2027-01-01 00:00:00+00:00",
        ),
        ({"language": None}, "review 1: a text without a language"),
        ({"owner_response_text": "Good."}, "review 1: the reply is the text"),
        ({"photo_urls": ["https://p/1"]}, "review 1: 0 photos, and 1 addresses"),
        ({"sub_ratings": {"Food": 9.0}}, "review 1: sub ratings {'Food': 9.0}"),
    ],
)
def test_what_cannot_be_is_named(changes: dict[str, Any], odd: str) -> None:
    assert list(oddities(page({**REVIEW, **changes}), NOW)) == [odd]


def test_a_page_is_held_against_what_it_announces() -> None:
    twice = page(REVIEW, REVIEW, reviews_total=1, histogram={"4": 1, "5": 1})
    assert list(oddities(twice, NOW)) == [
        "2 reviews have 1 ids",
        "2 reviews, and 1 are announced",
        "the histogram holds 2 reviews, and 1 are announced",
        "2 reviews with 4 stars, and 1 are announced",
    ]


def test_values_are_counted_and_nothing_is_none() -> None:
    counted = values_in([REVIEW, {**REVIEW, "text": None}])
    assert (counted["text"], counted["likes"], counted["photo_urls"]) == (1, 2, 0)
    assert "position" not in counted


def test_reviews_that_are_read_otherwise_are_counted_by_field() -> None:
    other = {**REVIEW, "review_id": "Ci9B"}
    assert differences([REVIEW, other], [REVIEW, {**other, "rating": 3.0, "likes": 1}]) == {
        "rating": 1,
        "likes": 1,
    }
    assert differences([REVIEW, other], [REVIEW]) == {"review_id": 1}


def test_pages_of_a_directory_are_printed_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.html").write_text(CARD.format("Ci9A", 4))
    (tmp_path / "b.html").write_text(CARD.format("Ci9B", 5) + CARD.format("Ci9C", 1))
    measure(tmp_path)
    printed = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "rating 3 of 3" in lines
    assert "text 0 of 3" in lines
    assert "rating 3 fallback 1 span[role=img][aria-label]" in lines
    assert "text 0 not seen" in lines
    assert "MISMATCH" not in printed


def test_an_empty_directory_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure(tmp_path)
    assert "no saved pages" in capsys.readouterr().out
