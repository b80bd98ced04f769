"""Every documented exit code, from the command's own mouth."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scrapestream.cli.exits import ExitCode, exit_code_of, worst
from streams.errors import (
    InvalidSettingError,
    LogUnavailableError,
    PartFailedError,
    ScrapestreamError,
    UnknownJobError,
)
from tests.support.command import Run
from tests.support.job_scripts import ended, messages
from tests.support.scripted_api import ScriptedApi

PLACE = "http://127.0.0.1:8099/demo"
PARTIAL: dict[str, Any] = {"outcome": "truncated_by_source", "error_message": "it stopped"}


@pytest.mark.parametrize(
    ("job", "arguments", "code"),
    [
        (ended("completed", outcome="completed"), (), 0),
        (ended("completed", outcome="no_reviews", count=0), ("--fail-on-partial",), 0),
        (ended("failed", error_message="This page is no place."), (), 1),
        (ended("cancelled"), (), 3),
        (ended("completed", **PARTIAL), (), 0),
        (ended("completed", **PARTIAL), ("--fail-on-partial",), 5),
    ],
)
def test_the_end_of_a_job_is_the_exit_code(
    api: ScriptedApi, run: Run, job: dict[str, Any], arguments: tuple[str, ...], code: int
) -> None:
    api.add(PLACE, job=job, messages=messages(job["status"]))

    assert run("scrape", PLACE, "--follow", *arguments).exit_code == code


def test_a_job_that_takes_too_long_goes_on_and_gives_4(api: ScriptedApi, run: Run) -> None:
    api.add(PLACE, job=ended("processing"), messages=messages("processing"), hangs=True)

    result = run("scrape", PLACE, "--follow", "--timeout", "0.2s")

    assert result.exit_code == ExitCode.TIMED_OUT
    assert "scrapestream job follow job-1" in result.stderr


@pytest.mark.parametrize(
    ("status", "code"), [(422, 2), (401, 7), (403, 7), (404, 8), (500, 1), (503, 6)]
)
def test_a_refusal_gives_its_reason_and_its_code(
    api: ScriptedApi, run: Run, status: int, code: int
) -> None:
    api.refusal = (status, {"title": "No", "detail": "because", "code": "some.code"})

    for arguments in (("scrape", PLACE), ("jobs",), ("job", "show", "x"), ("job", "cancel", "x")):
        result = run(*arguments)
        assert result.exit_code == code
        assert "No: because [some.code]" in result.stderr
        assert not result.stdout


def test_no_server_gives_6_and_says_where_it_was_looked_for(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"

        result = run("scrape", PLACE, PLACE, "--api", address)

    assert result.exit_code == ExitCode.UNREACHABLE
    assert result.stderr.count(address) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("scrape",),
        ("scrape", PLACE, "--follow", "--timeout", "soon"),
        ("scrape", PLACE, "--detach", "-o", "reviews.json"),
        ("scrape", PLACE, "--follow", "--json", "-o", "-"),
        ("scrape", PLACE, "--file", "no-such-file"),
        ("scrape", PLACE, "--webhook-secret-env", "NOT_SET"),
        ("scrape", PLACE, "--api", "localhost"),
        ("jobs", "--status", "lost"),
        ("no-such-verb",),
        ("job",),
        (),
    ],
)
def test_wrong_usage_gives_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == ExitCode.USAGE


def test_of_several_jobs_the_worst_counts(api: ScriptedApi, run: Run) -> None:
    for status in ("completed", "cancelled", "failed"):
        job = ended(status, outcome="completed")
        api.add(f"{PLACE}/{status}", job=job, messages=messages(status))
    urls = list(api.urls)

    assert run("scrape", *urls, "--follow").exit_code == ExitCode.FAILED
    assert run("scrape", *urls[:2], "--follow").exit_code == ExitCode.CANCELLED
    assert run("scrape", *urls, "http://other/", "--follow").exit_code == ExitCode.USAGE


def test_ctrl_c_detaches_and_says_how_to_come_back(api: ScriptedApi, address: str) -> None:
    api.add(PLACE, job=ended("processing"), messages=messages("processing"), hangs=True)
    command = [sys.executable, "-m", "scrapestream", "scrape", PLACE, "--follow", "--api", address]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "scrolling" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()

    assert process.returncode == ExitCode.DETACHED
    assert "scrapestream job follow job-1" in rest
    assert "scrapestream job cancel job-1" in rest
    assert "Traceback" not in rest


def test_errors_of_the_other_layers_have_codes() -> None:
    assert exit_code_of(InvalidSettingError("x")) == ExitCode.USAGE
    assert exit_code_of(PartFailedError("x")) == ExitCode.UNREACHABLE
    assert exit_code_of(LogUnavailableError("x")) == ExitCode.UNREACHABLE
    assert exit_code_of(UnknownJobError("x")) == ExitCode.NOT_FOUND
    assert exit_code_of(ScrapestreamError("x")) == ExitCode.FAILED
    assert worst([]) == ExitCode.OK


def test_the_documented_codes_are_the_codes() -> None:
    page = Path("docs/reference/cli.md").read_text()

    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]

    assert documented == [code.value for code in ExitCode]
