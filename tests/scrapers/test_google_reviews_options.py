"""Options of a scrape of reviews: which there are, and what is said of others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.submission import Submission, checked_kind
from scrapers.sites.google_reviews import scraper
from scrapers.sites.google_reviews.options import SORTS, Options, read_options
from scrapestream.process.api import catalogue_of
from streams.errors import InvalidRequestError
from streams.settings import Settings


def test_nothing_asked_is_the_pages_own_order_to_the_end() -> None:
    assert read_options({}) == Options(sort="relevant", max_reviews=None)


@pytest.mark.parametrize("sort", SORTS)
def test_each_order_and_a_number_are_read(sort: str) -> None:
    assert read_options({"sort": sort, "max_reviews": "20"}) == Options(sort=sort, max_reviews=20)


def test_a_day_and_known_reviews_bring_the_newest_first() -> None:
    since = datetime(2026, 1, 31, tzinfo=UTC)
    assert read_options({"since": "2026-01-31"}) == Options(sort="newest", since=since)
    assert read_options({"since": "2026-01-31", "sort": "newest"}).sort == "newest"
    known = read_options({"known_ids": "ChZD-x_E, Ci9D==", "stop_at_known": "true"})
    assert known == Options(
        sort="newest", known_ids=frozenset({"ChZD-x_E", "Ci9D=="}), stop_at_known=True
    )
    assert read_options({"known_ids": "a", "stop_at_known": "false"}).sort == "relevant"


@pytest.mark.parametrize(
    ("given", "language"),
    [("en", "en"), ("PT-br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")],
)
def test_a_language_is_read_in_any_case(given: str, language: str) -> None:
    assert read_options({"language": given}).language == language


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sort": "Newest"}, "relevant, newest, highest, lowest"),
        ({"sort": ""}, "options.sort"),
        ({"max_reviews": "0"}, "from 1 to 1000000"),
        ({"max_reviews": "-1"}, "max_reviews"),
        ({"max_reviews": "ten"}, "'ten'"),
        ({"max_reviews": "1.5"}, "max_reviews"),
        ({"max_reviews": "\u0661\u0662"}, "max_reviews"),
        ({"max_reviews": "9" * 1_000}, "max_reviews"),
        ({"max_review": "10"}, "known are known_ids, language, max_reviews, since, sort"),
        ({"since": "2026-13-01"}, "2026-01-31"),
        ({"since": "2026-02-30"}, "2026-01-31"),
        ({"since": "20260130"}, "options.since"),
        ({"since": "2026-01-30T00:00"}, "options.since"),
        ({"since": "\u0662026-01-30"}, "options.since"),
        ({"since": "2026-01-30", "sort": "lowest"}, "leave `options.sort` out"),
        ({"stop_at_known": "yes"}, "'true' or 'false'"),
        ({"stop_at_known": "true"}, "needs `options.known_ids`"),
        ({"known_ids": "a", "stop_at_known": "true", "sort": "relevant"}, "'newest'"),
        ({"known_ids": ""}, "separated by commas"),
        ({"known_ids": "a,,b"}, "separated by commas"),
        ({"known_ids": "a b"}, "'a b'"),
        ({"known_ids": ",".join(f"i{n}" for n in range(1_001))}, "newest 1000"),
        ({"language": "english"}, "pt-BR"),
        ({"language": "en_US"}, "BCP 47"),
        ({"language": "en&q=x"}, "BCP 47"),
        ({"language": ""}, "options.language"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequestError, match="`options") as refused:
        scraper.check_options(given)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


def test_the_api_refuses_them_before_there_is_a_job() -> None:
    catalogue = catalogue_of(Settings())
    good = Submission(url=scraper.examples[0], options={"sort": "newest", "max_reviews": "20"})
    assert checked_kind(good, catalogue, lambda _: None).name == scraper.name
    bad = Submission(url=scraper.examples[0], options={"sort": "oldest"})
    with pytest.raises(InvalidRequestError, match="`options"):
        checked_kind(bad, catalogue, lambda _: None)
