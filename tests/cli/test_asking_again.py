"""Jobs are tried again one by one, many by filters; refusals are told by exit codes."""

from __future__ import annotations

import json

import pytest

from scrapestream.cli.exits import ExitCode
from tests.support.command import Run
from tests.support.scripted_api import ScriptedApi


@pytest.mark.parametrize("verb", ["retry", "clone"])
def test_the_new_ids_go_to_stdout(api: ScriptedApi, run: Run, verb: str) -> None:
    api.add("https://x/1", job={"status": "failed"})
    api.add("https://x/2", job={"status": "failed"})
    result = run("job", verb, "job-1", "job-2")
    assert result.exit_code == 0
    assert result.stdout.split() == [f"{verb}-of-job-1", f"{verb}-of-job-2"]
    told = json.loads(run("job", verb, "job-1", "--json").stdout)
    assert told["job_id"] == f"{verb}-of-job-1"


def test_one_that_is_refused_does_not_stop_the_others(api: ScriptedApi, run: Run) -> None:
    api.add("https://x/1", job={"status": "failed"})
    result = run("job", "retry", "nobody", "job-1")
    assert result.exit_code == ExitCode.NOT_FOUND
    assert result.stdout.split() == ["retry-of-job-1"]


def test_a_full_queue_is_a_server_that_cannot_be_reached_now(api: ScriptedApi, run: Run) -> None:
    api.add("https://x/1", job={"status": "failed"})
    api.refusal = (429, {"title": "As many jobs are open as may be", "code": "queue_full"})
    assert run("job", "clone", "job-1").exit_code == ExitCode.UNREACHABLE


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_many_are_asked_for_by_filters(api: ScriptedApi, run: Run, verb: str) -> None:
    api.add("https://x/1", job={"status": "failed"})
    api.add("https://x/2", job={"status": "completed"})
    told = run("jobs", verb, "--status", "failed", "--since", "90m", "--dry-run")
    assert told.exit_code == 0
    assert "would be  job-1" in told.stderr
    assert "1 jobs" in told.stderr
    [(how, body)] = api.asked_at_once
    assert how == verb
    assert body.pop("created_from")
    assert body == {"status": ["failed"], "limit": 1_000, "dry_run": True}


def test_without_a_filter_nothing_is_asked(api: ScriptedApi, run: Run) -> None:
    refused = run("jobs", "retry", "--dry-run")
    assert refused.exit_code == ExitCode.USAGE
    assert "--status" in refused.stderr
    assert not api.asked_at_once
