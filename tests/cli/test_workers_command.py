"""``scrapestream worker ls`` and ``drain``."""

from __future__ import annotations

import json

from tests.support.command import Run
from tests.support.scripted_api import ScriptedApi

WORKER = {
    "id": "worker-1",
    "host": "h1",
    "status": "working",
    "version": "1.0",
    "slots": 4,
    "free": 3,
    "jobs": [{"job_id": "j1", "attempt": 1}],
    "kinds": ["google_reviews"],
    "draining": False,
    "memory_bytes": 512 * 2**20,
    "silent_s": 1.2,
}


def test_workers_are_listed(api: ScriptedApi, run: Run) -> None:
    api.workers = [WORKER, {**WORKER, "id": "worker-2", "memory_bytes": None}]
    table = run("worker", "ls").stdout
    first, second = [line.split() for line in table.splitlines()[1:]]
    assert first[:6] == ["worker-1", "h1", "working", "4", "1", "512"]
    assert second[:5] == ["worker-2", "h1", "working", "4", "1"]
    lines = run("worker", "ls", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["worker-1", "worker-2"]


def test_without_workers_it_says_what_to_do(api: ScriptedApi, run: Run) -> None:
    result = run("worker", "ls")
    assert result.exit_code == 0
    assert "scrapestream worker" in result.stderr


def test_a_worker_is_drained_and_let_work_again(api: ScriptedApi, run: Run) -> None:
    api.workers = [WORKER]
    assert "takes no more jobs" in run("worker", "drain", "worker-1").stderr
    assert "takes jobs again" in run("worker", "drain", "worker-1", "--undo").stderr
    assert api.drained == ["POST worker-1", "DELETE worker-1"]


def test_a_worker_that_nobody_knows_is_an_error(api: ScriptedApi, run: Run) -> None:
    result = run("worker", "drain", "nobody")
    assert result.exit_code == 8
    assert "no worker" in result.stderr
