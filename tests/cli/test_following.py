"""Watching jobs: what is printed where, and what a lost connection changes (nothing)."""

from __future__ import annotations

import json
from contextlib import aclosing

import pytest

from scrapestream.cli.answers import RefusedError, UnreachableError
from scrapestream.cli.client import Message, open_client
from scrapestream.cli.progress import Lines, Pace
from tests.support.command import Run
from tests.support.job_scripts import ended, messages, review
from tests.support.scripted_api import ScriptedApi

PLACE = "http://127.0.0.1:8099/demo"
COMPLETED = ended("completed", outcome="completed")


def test_a_stream_that_breaks_goes_on_without_a_gap_or_a_double(api: ScriptedApi, run: Run) -> None:
    job = api.add(PLACE, job=COMPLETED, messages=messages("completed"), cuts=[2])

    result = run("scrape", PLACE, "--json", "--follow")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["id"] for line in lines] == ["3-0", "3-1", "3-2", "3-3", "3-4"]
    assert job.asked_after == ["", "3-1"]
    assert "connection lost" in result.stderr
    assert "going on after event 3-1" in result.stderr
    assert result.exit_code == 0


def test_a_job_that_waits_shows_its_place(api: ScriptedApi, run: Run) -> None:
    place = {
        "stage": "queued",
        "status": "queued",
        "queue_position": 3,
        "estimated_start_s": 12.5,
        "type": "QueueMoved",
        "at": "2026-11-22T17:00:01Z",
    }
    api.add(PLACE, job=COMPLETED, messages=messages("completed"), place=place)
    assert "queued, place 3" in run("job", "follow", "job-1").stderr
    api.jobs["job-1"].place = {**place, "estimated_start_s": None}
    assert "queued, no worker" in run("job", "follow", "job-1").stderr
    history = run("events", "job-1", "--follow", "-f", "jsonl").stdout
    assert "QueueMoved" not in history


async def test_every_break_is_survived(api: ScriptedApi, address: str) -> None:
    api.add(PLACE, job=COMPLETED, messages=messages("completed"), cuts=[1, 0, 1, 0, 0, 2])
    said: list[str] = []
    async with (
        open_client(address, pause_s=0.001) as client,
        aclosing(client.follow("job-1", said.append)) as stream,
    ):
        heard = [message.fields["seq"] async for message in stream]

    assert heard == [1, 2, 3, 4, 5]


async def test_a_server_that_never_comes_back_is_given_up(api: ScriptedApi, address: str) -> None:
    api.add(PLACE, job=COMPLETED, messages=messages("completed"), cuts=[1] + [0] * 50)
    async with open_client(address, pause_s=0.0001) as client:
        with pytest.raises(UnreachableError):
            async for _ in client.follow("job-1", lambda _text: None):
                pass


async def test_an_unknown_job_is_refused_at_once(api: ScriptedApi, address: str) -> None:
    async with open_client(address) as client:
        with pytest.raises(RefusedError, match="no job of this id"):
            async for _ in client.follow("job-9", lambda _text: None):
                pass


def test_progress_goes_to_stderr_and_reviews_to_stdout(api: ScriptedApi, run: Run) -> None:
    reviews = [review(1), review(2)]
    api.add(PLACE, job=COMPLETED, messages=messages("completed"), reviews=reviews)

    result = run("scrape", PLACE, "-o", "-", "-f", "jsonl")

    assert [json.loads(line) for line in result.stdout.splitlines()] == reviews
    assert "scrolling" in result.stderr
    assert "done  30 reviews in 12.5 s, complete" in result.stderr


def test_a_known_job_is_followed_from_its_beginning(api: ScriptedApi, run: Run) -> None:
    api.add(PLACE, job=COMPLETED, messages=messages("completed"))

    result = run("job", "follow", "job-1", "--json")

    assert len(result.stdout.splitlines()) == 5
    assert result.exit_code == 0


def test_only_submitting_prints_the_ids(api: ScriptedApi, run: Run) -> None:
    api.add(PLACE, job=COMPLETED)
    api.add(f"{PLACE}/2", job=COMPLETED)

    listed = run("scrape", "--file", "-", stdin=f"{PLACE}\n\n# not this\n  {PLACE}/2\n")
    as_json = run("scrape", PLACE, "--json")

    assert sorted(listed.stdout.splitlines()) == ["job-1", "job-2"]
    assert json.loads(as_json.stdout)["job_id"] == "job-1"


def test_the_secret_comes_from_the_environment_and_is_not_printed(
    api: ScriptedApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add(PLACE, job=COMPLETED)
    monkeypatch.setenv("MY_SECRET", "s3cr3t")
    options = ("--webhook", "http://127.0.0.1/hook", "--webhook-secret-env", "MY_SECRET")

    result = run("scrape", PLACE, *options, "--priority", "high")

    assert api.submitted == [
        {
            "url": PLACE,
            "webhook_url": "http://127.0.0.1/hook",
            "webhook_secret": "s3cr3t",
            "priority": "high",
        }
    ]
    assert "s3cr3t" not in result.output


def test_the_pace_is_that_of_the_events_and_not_of_the_reader() -> None:
    pace = Pace()
    for message in messages("processing"):  # ten reviews a second, read in no time
        pace.take(message, now=0.0)

    assert pace.rate == pytest.approx(10.0)
    assert pace.count_text() == "30/30"
    assert pace.elapsed_s == pytest.approx(4.0)


def test_a_total_that_nobody_announced_is_a_question_mark() -> None:
    pace = Pace()
    pace.take({"reviews_loaded": 5, "reviews_total": None, "at": None}, now=1.0)
    pace.take({"reviews_loaded": 15, "reviews_total": 0, "at": None}, now=2.0)

    assert pace.count_text() == "15/?"
    assert pace.rate == pytest.approx(10.0)
    assert pace.left_s is None


def test_lines_come_with_a_new_stage_and_every_five_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    lines = Lines(now=lambda: now)
    lines.start("job-1", PLACE)
    for second in range(12):
        now = float(second)
        stage = "opening" if second == 0 else "scrolling"
        lines.show("job-1", Message("3-1", {"stage": stage, "reviews_loaded": second}))

    shown = capsys.readouterr().err.splitlines()[1:]
    assert [line.split()[:2] for line in shown] == [
        ["opening", "0/?"],
        ["scrolling", "1/?"],
        ["scrolling", "6/?"],
        ["scrolling", "11/?"],
    ]
