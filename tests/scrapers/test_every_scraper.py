"""What every scraper must have, so that adding one cannot be half done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrapers.contract import Scraper
from scrapers.registry import all_scrapers, check_options, find_scraper
from streams.errors import InvalidRequestError

ROOT = Path(__file__).parents[2]
ENVELOPE = {"event_id", "job_id", "tenant", "occurred_at"}
SCRAPERS = [pytest.param(scraper, id=name) for name, scraper in all_scrapers().items()]


def test_there_are_scrapers() -> None:
    assert "google_reviews" in all_scrapers()


@pytest.mark.parametrize("scraper", SCRAPERS)
def test_a_scraper_has_a_schema_with_its_id(scraper: Scraper) -> None:
    path = ROOT / "schemas" / "items" / f"{scraper.item_schema}.avsc"
    fields = {field["name"]: field for field in json.loads(path.read_text())["fields"]}
    assert fields.keys() >= ENVELOPE
    assert fields[scraper.item_id]["type"] == "string"
    assert all("doc" in field for field in fields.values())


@pytest.mark.parametrize("scraper", SCRAPERS)
def test_each_example_is_taken_by_this_scraper_alone(scraper: Scraper) -> None:
    assert scraper.examples
    for url in scraper.examples:
        assert find_scraper(url) is scraper
        takers = [other.name for other in all_scrapers().values() if other.accepts.match(url)]
        assert takers == [scraper.name]


@pytest.mark.parametrize("scraper", SCRAPERS)
def test_a_scraper_works_without_options_and_refuses_unknown_ones(scraper: Scraper) -> None:
    scraper.check_options({})
    with pytest.raises(InvalidRequestError, match="no_such_option"):
        scraper.check_options({"no_such_option": "1"})


@pytest.mark.parametrize("scraper", SCRAPERS)
def test_a_scraper_has_a_test_file(scraper: Scraper) -> None:
    assert (Path(__file__).parent / f"test_{scraper.name}.py").is_file()


@pytest.mark.parametrize("scraper", SCRAPERS)
def test_a_scraper_reads_any_page_without_an_error(scraper: Scraper) -> None:
    for html in ("", "<", "<html>", "\x00", "<div data-review-id></div>", "{}"):
        assert not scraper.parse(html, "").items


@pytest.mark.parametrize("scraper", SCRAPERS)
def test_every_job_may_name_a_proxy_and_bring_none(scraper: Scraper) -> None:
    check_options(scraper, {"proxy": "berlin"})
    with pytest.raises(InvalidRequestError, match="proxy"):
        check_options(scraper, {"proxy": "http://anna:pw@proxy.example:3128"})
    with pytest.raises(InvalidRequestError, match="no_such_option"):
        check_options(scraper, {"proxy": "berlin", "no_such_option": "1"})
