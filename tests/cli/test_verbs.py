"""The table of verbs, the lists, and texts that want to harm a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from scrapestream import __version__
from scrapestream.cli.address import find_api
from scrapestream.cli.app import VERBS, load
from scrapestream.cli.exits import CliError
from scrapestream.cli.text import plain, short
from tests.support.command import Run
from tests.support.job_scripts import CREATED, ended, messages
from tests.support.scripted_api import ScriptedApi

PLACE = "http://127.0.0.1:8099/demo"
HOSTILE = "\x1b[2Jgone \x9b31m[red]\u202e\nnext"
HEAVY = ("selenium", "chdb", "faust", "aiokafka", "clickhouse_connect", "httpx2", "rich")


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_that_begins_as_the_overview_says(run: Run, name: str) -> None:
    command = load(name)

    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == VERBS[name].summary
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


@pytest.mark.parametrize("name", VERBS)
def test_every_option_says_what_it_does(name: str) -> None:
    context = typer.Context(load(name))

    for parameter in context.command.params:
        assert getattr(parameter, "help", None) or getattr(parameter, "hidden", False), parameter


def test_help_is_quick_and_loads_no_driver() -> None:
    script = (
        "import sys; from scrapestream.__main__ import main\n"
        "sys.argv[1:] = ['--help']\n"
        "try: main()\n"
        f"finally: print(*[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    took_s = time.monotonic() - began

    assert result.stderr.strip() == ""
    assert all(name in result.stdout for name in VERBS)
    assert took_s < 2.0  # 0.12 s on a quiet machine


def test_the_version_is_the_projects(run: Run) -> None:
    assert run("--version").stdout == f"scrapestream {__version__}\n"


def test_jobs_are_listed_over_all_pages(api: ScriptedApi, run: Run) -> None:
    for number in range(130):
        api.add(f"{PLACE}/{number}", job=ended("completed" if number % 2 else "failed"))

    every = run("jobs", "--limit", "120", "--json")
    failed = run("jobs", "--status", "failed", "--limit", "3", "--json")

    ids = [json.loads(line)["job_id"] for line in every.stdout.splitlines()]
    assert ids == [f"job-{number}" for number in range(130, 10, -1)]
    assert {json.loads(line)["status"] for line in failed.stdout.splitlines()} == {"failed"}
    assert api.asked[-1] == "/jobs?status=failed&limit=3"


def test_a_table_is_one_line_a_job_and_cuts_nothing_off(api: ScriptedApi, run: Run) -> None:
    url = f"{PLACE}/{'x' * 300}"
    api.add(url, job=ended("completed", progress=100))

    lines = run("jobs").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["JOB", "job-1"]
    assert lines[1].rstrip().endswith(url)


def test_hostile_texts_are_printed_as_text(api: ScriptedApi, run: Run) -> None:
    job = ended("failed", error_message=HOSTILE, title=HOSTILE)
    events = [{"id": "3-1", "seq": 1, "type": "X", "occurred_at": CREATED, "data": {"t": HOSTILE}}]
    last = messages("failed", count=0)[-1] | {"stage": f"failed{HOSTILE}", "title": HOSTILE}
    api.add(f"{PLACE}/{HOSTILE}", job=job, messages=[last], events=events)

    for arguments in (
        ("jobs",),
        ("jobs", "--json"),
        ("job", "show", "job-1"),
        ("job", "follow", "job-1"),
        ("job", "follow", "job-1", "--json"),
        ("events", "job-1"),
        ("events", "job-1", "-f", "jsonl"),
        ("events", "job-1", "--follow"),
    ):
        output = run(*arguments).output
        assert "[red]" in output  # taken for text, not for a colour
        assert not set(output) & set("\x1b\x9b\u202e")


def test_plain_text_is_one_line() -> None:
    assert plain(HOSTILE) == "[2Jgone 31m[red] next"
    assert short("abcdefgh", 6) == "abc..."


def test_events_can_be_picked_by_type(api: ScriptedApi, run: Run) -> None:
    events = [
        {"id": f"3-{n}", "seq": n, "type": kind, "occurred_at": CREATED, "data": {"attempt": 1}}
        for n, kind in enumerate(["ScrapeRequested", "AttemptStarted", "ScrapeCompleted"], 1)
    ]
    api.add(PLACE, job=ended("completed"), messages=messages("completed"), events=events)

    table = run("events", "job-1").stdout.splitlines()
    picked = run("events", "job-1", "--type", "AttemptStarted", "--json").stdout
    live = run("events", "job-1", "--follow", "-f", "jsonl").stdout.splitlines()

    assert [line.split()[0] for line in table] == ["SEQ", "1", "2", "3"]
    assert [json.loads(line)["seq"] for line in picked.splitlines()] == [2]
    assert set(json.loads(live[0])) == set(events[0])
    assert len(live) == 5


def test_cancel_goes_through_all_ids(api: ScriptedApi, run: Run) -> None:
    api.add(PLACE, job=ended("processing"))

    result = run("job", "cancel", "job-9", "job-1", "--json")

    assert json.loads(result.stdout)["status"] == "cancelled"
    assert result.exit_code == 8


def test_the_api_is_found_where_it_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("SCRAPESTREAM_PUBLIC_URL", raising=False)
    assert find_api(None, None) == "http://127.0.0.1:8080"

    default = tmp_path / "scrapestream"
    default.mkdir()
    (default / "addresses.json").write_text('{"api": "http://127.0.0.1:1"}')
    assert find_api(None, None) == "http://127.0.0.1:1"

    monkeypatch.setenv("SCRAPESTREAM_PUBLIC_URL", "https://scrape.example.com/")
    assert find_api(None, None) == "https://scrape.example.com"
    assert find_api(None, default) == "http://127.0.0.1:1"
    assert find_api("http://[::1]:9/", default) == "http://[::1]:9"
    with pytest.raises(CliError, match="no stack runs"):
        find_api(None, tmp_path)
