"""Options of a scrape of reviews: which there are, and what is said of others."""

from __future__ import annotations

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
        ({"max_review": "10"}, "known are max_reviews, sort"),
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
