"""Files of reviews: whole or not at all, safe in a spreadsheet, readable again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from scrapestream.cli.exits import CliError
from scrapestream.cli.formats import Format, format_of, render, write_text
from streams.exports.text import csv_cell
from tests.support.command import Run
from tests.support.job_scripts import ended, messages, review
from tests.support.scripted_api import ScriptedApi

PLACE = "http://127.0.0.1:8099/demo"
COMPLETED = ended("completed", outcome="completed")


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", "  =1", "\x00=1", "\x1b=1", "\uff1d1"],
)
def test_a_text_never_becomes_a_formula(text: str) -> None:
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (4.5, "4.5"),
        (-3, "-3"),
        ("a = b", "a = b"),
        ([], "[]"),
        ({"Food": 5.0}, '{"Food": 5.0}'),
        ("red\x1b[31m", "red[31m"),
    ],
)
def test_other_values_stay_what_they_are(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


def test_csv_has_every_field_of_every_review() -> None:
    reviews = [review(1, 'Two\nlines, and a "quote"'), {**review(2), "extra": "x"}]

    rows = list(csv.DictReader(io.StringIO(render(reviews, Format.CSV))))

    assert [row["review_id"] for row in rows] == ["r1", "r2"]
    assert rows[0]["text"] == 'Two\nlines, and a "quote"'
    assert (rows[0]["extra"], rows[1]["extra"]) == ("", "x")
    assert rows[0]["likes"] == "-1"


@pytest.mark.parametrize("form", [Format.JSON, Format.JSONL])
def test_json_holds_every_text_and_no_character_that_a_terminal_obeys(form: Format) -> None:
    hostile = review(1, "a\x1b]0;title\x07 \x9b31m \u202etxt \ud800 \u2028 日本")

    text = render([hostile], form)

    read = json.loads(text)
    assert (read[0] if form is Format.JSON else read) == hostile
    assert "日本" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e\ud800\u2028")
    text.encode()


def test_the_name_of_the_file_tells_the_format() -> None:
    assert format_of("reviews.csv", None) is Format.CSV
    assert format_of("reviews.csv", Format.JSONL) is Format.JSONL
    assert format_of("reviews.txt", None) is Format.JSON
    assert format_of("-", None) is Format.JSON


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    old = tmp_path / "reviews.json"
    old.write_text("old")
    (tmp_path / "directory").mkdir()

    with pytest.raises(CliError, match="cannot write"):
        write_text(str(tmp_path / "directory"), "new")
    with pytest.raises(CliError, match="cannot write"):
        write_text(str(tmp_path / "missing" / "reviews.json"), "new")
    write_text(str(old), "new")

    assert old.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "reviews.json"]


def test_reviews_of_several_jobs_carry_their_job(api: ScriptedApi, run: Run) -> None:
    for number in (1, 2):
        api.add(
            f"{PLACE}/{number}",
            job=COMPLETED,
            messages=messages("completed"),
            reviews=[review(number)],
        )

    result = run("scrape", *api.urls, "-o", "reviews.csv")

    with Path("reviews.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["job_id"]: row["review_id"] for row in rows} == {"job-1": "r1", "job-2": "r2"}
    assert "2 reviews -> reviews.csv" in result.stderr


def test_a_failed_job_writes_no_file(api: ScriptedApi, run: Run) -> None:
    api.add(PLACE, job=ended("failed", count=0), messages=messages("failed", count=0))

    result = run("scrape", PLACE, "-o", "reviews.json")

    assert result.exit_code == 1
    assert not Path("reviews.json").exists()
