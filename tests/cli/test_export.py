"""``export`` against the real API: all of it under its name, or nothing."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import api.routes.reviews
from scrapestream.cli.app import app
from scrapestream.cli.exits import ExitCode
from streams.exports.proof import rows_in
from tests.api.job_events import progress, started
from tests.api.test_exports import breaks
from tests.api.test_reviews_resource import finished
from tests.api.world import NOBODY, Process, World, open_world

COUNT = 25


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[World]:
    monkeypatch.setattr(api.routes.reviews, "REVIEWS_A_FILE_PAGE", 10)
    monkeypatch.chdir(tmp_path)
    async with open_world() as opened:
        yield opened


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def run(process: Process, *arguments: str) -> Result:
    asked = ["export", *arguments, "--api", process.base_url]
    return await asyncio.to_thread(CliRunner().invoke, app, asked)


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet", "xlsx"])
async def test_a_file_has_all_reviews_and_the_verb_says_so(
    world: World, tmp_path: Path, form: str
) -> None:
    process = await world.serve()
    job_id = await finished(world, process, COUNT)
    result = await run(process, job_id, "-o", f"reviews.{form}")
    assert result.exit_code == 0, result.output
    assert f"25 reviews, all that were announced -> reviews.{form}" in result.stderr
    path = tmp_path / f"reviews.{form}"
    if form == "json":
        assert [each["position"] for each in json.loads(path.read_text())] == list(range(1, 26))
    else:
        assert rows_in(path, form) == COUNT
    assert names_in(tmp_path) == [path.name]


async def test_stdout_gets_the_file_and_nothing_else(world: World) -> None:
    process = await world.serve()
    job_id = await finished(world, process, COUNT)
    lines = (await run(process, job_id, "-f", "jsonl")).stdout.splitlines()
    assert [json.loads(line)["review_id"] for line in lines] == [
        f"review-{number}" for number in range(1, COUNT + 1)
    ]
    marked = await run(process, job_id, "-f", "csv", "--bom")
    assert marked.stdout_bytes.startswith(b"\xef\xbb\xbfreview_id,")
    rows = list(csv.DictReader(marked.stdout_bytes.decode("utf-8-sig").splitlines()))
    assert rows[0]["review_id"] == "review-1"


@pytest.mark.parametrize("ends_early", [False, True])
@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet"])
async def test_an_answer_that_breaks_off_leaves_the_old_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, ends_early: bool
) -> None:
    process = await world.serve()
    job_id = await finished(world, process, COUNT)
    breaks(monkeypatch, ends_early=ends_early)
    path = tmp_path / "reviews"
    path.write_text("the old one")
    for output in ("reviews", "-"):
        result = await run(process, job_id, "-f", form, "-o", output)
        assert result.exit_code == ExitCode.UNREACHABLE, result.output
        assert "broke off" in result.stderr
        assert result.stdout_bytes == b""
    assert path.read_text() == "the old one"
    assert names_in(tmp_path) == [path.name]


async def test_a_count_that_is_not_the_announced_one_is_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await world.serve()
    job_id = await finished(world, process, COUNT)
    monkeypatch.setattr("scrapestream.cli.export.rows_in", lambda path, form: COUNT - 1)
    result = await run(process, job_id, "-o", "reviews.parquet")
    assert result.exit_code == ExitCode.FAILED
    assert "25 reviews were announced, 24 came" in result.stderr
    assert names_in(tmp_path) == []


async def test_an_open_job_is_exported_with_a_word_of_warning(world: World, tmp_path: Path) -> None:
    process = await world.serve()
    job_id = await process.submit()
    await world.append(job_id, *started())
    items = await world.put_items(job_id, 4)
    await world.append(job_id, progress(4, items=items))
    await process.is_caught_up()
    result = await run(process, job_id, "-o", "part.parquet")
    assert result.exit_code == 0
    assert "the job still runs" in result.stderr
    facts = pq.ParquetFile(tmp_path / "part.parquet").metadata.metadata
    assert facts[b"scrapestream.complete"] == b"false"


async def test_wrong_wishes_end_with_their_exit_codes(world: World, tmp_path: Path) -> None:
    process = await world.serve()
    job_id = await finished(world, process, 1)
    for arguments, exit_code in (
        ((NOBODY, "-o", "x.csv"), ExitCode.NOT_FOUND),
        ((job_id, "-o", "x.json", "--bom"), ExitCode.USAGE),
        ((job_id, "-o", "no/such/folder/x.csv"), ExitCode.FAILED),
        ((job_id, "-f", "xml"), ExitCode.USAGE),
    ):
        assert (await run(process, *arguments)).exit_code == exit_code, arguments
    assert names_in(tmp_path) == []


async def test_a_followed_job_can_be_written_as_parquet_or_workbook(
    world: World, tmp_path: Path
) -> None:
    process = await world.serve()
    job_id = await finished(world, process, COUNT)
    for form in ("parquet", "xlsx"):
        asked = ["job", "follow", job_id, "-o", f"reviews.{form}", "--api", process.base_url]
        result = await asyncio.to_thread(CliRunner().invoke, app, asked)
        assert result.exit_code == 0, result.output
        assert rows_in(tmp_path / f"reviews.{form}", form) == COUNT


def test_several_jobs_do_not_fit_into_a_typed_file() -> None:
    asked = ["scrape", "https://a.example/", "https://b.example/", "-o", "both.parquet"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == ExitCode.USAGE
    assert "scrapestream export JOB" in result.stderr
