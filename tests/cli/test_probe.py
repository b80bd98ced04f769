"""The command that looks whether a scraper still knows its site, in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from embedded.demo_site import DemoSettings, open_demo_site
from scrapers.sites.google_reviews import scraper
from scrapestream.cli.exits import ExitCode
from tests.support.command import Run

KIND = "google_reviews"


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A demo place that is as the scraper knows them."""
    with open_demo_site(DemoSettings(latency_ms=0)) as site:
        yield f"{site}/maps/place/Cafe+Central"


def test_a_page_as_we_know_it_needs_no_fallback(run: Run, place: str) -> None:
    result = run("probe", KIND, f"{place}?reviews=40", "--json", "--reviews", "20")

    assert result.exit_code == ExitCode.OK, result.stdout
    found = json.loads(result.stdout)
    assert (found["kind"], found["outcome"], found["items"]) == (KIND, "completed", 20)
    assert found["drifted"] == []
    assert sum(found["sources"].values()) == 20
    fields = {each["field"]: each for each in found["fields"]}
    assert list(fields) == [table.field for table in scraper.fields]
    assert {state for each in fields.values() if (state := each["state"]) != "not seen"} == {
        "first choice"
    }
    (served,) = fields["rating"]["served"]
    assert (served["selector"], served["choice"]) == ("span.kvMYJc", "first choice")


def test_a_page_that_has_changed_says_which_fields_and_gives_9(run: Run, place: str) -> None:
    result = run("probe", KIND, f"{place}?reviews=40&classes=author,date")

    assert result.exit_code == ExitCode.DRIFTED, result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    (name,) = (row for row in rows if row[0] == "author_name")
    assert name[-2:] == ["fallback", "1"]
    (rating,) = (row for row in rows if row[0] == "rating")
    assert rating[1] == "span.kvMYJc"
    assert rating[-2:] == ["first", "choice"]
    assert "no first choice serves for: " in result.stderr
    told = result.stderr.replace("\n", " ").partition("no first choice serves for: ")[2]
    assert {"author_name", "relative_date"} <= set(told.replace(",", " ").split())
    assert "rating" not in told


def test_cards_that_nobody_can_read_are_drift_although_the_network_has_all(
    run: Run, place: str
) -> None:
    page = f"{place}?reviews=40&cards=unreadable&network=1"
    result = run("probe", KIND, page, "--json")

    assert result.exit_code == ExitCode.DRIFTED, result.stdout
    found = json.loads(result.stdout)
    assert (found["items"], found["sources"]) == (10, {"network": 10})
    assert found["drifted"] == ["card"]


def test_a_page_where_nothing_can_be_read_gives_1_and_the_outcome(run: Run, place: str) -> None:
    result = run("probe", KIND, f"{place}?view=captcha")

    assert result.exit_code == ExitCode.FAILED
    assert "outcome captcha, 0 items" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("no_such_kind", "https://www.google.com/maps/place/Cafe"),
        (KIND, "https://example.com/maps/place/Cafe"),
        (KIND, "file:///etc/passwd"),
        (KIND, "https://www.google.com/maps/place/Cafe", "--reviews", "0"),
        (KIND,),
    ],
)
def test_what_cannot_be_probed_starts_no_browser(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("probe", *arguments)

    assert result.exit_code == ExitCode.USAGE
    assert "starting a browser" not in result.stderr
