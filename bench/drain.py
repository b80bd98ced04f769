"""25,000 jobs that scrape nothing: how they wait, how an orchestrator comes back, how fast they go.

Everything shares the machine: the rates are of the whole way, from the queue to the counted end.
A whole drain is measured from the answer to the last end, the flood's scheduling included; the
steady rate, from the first end on.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.report import line
from scrapestream.stack import Stack

JOBS = 25_000
SLOTS = 100
MOST_S = 150.0
"""A drain is measured so long, or until all have ended."""
SETTINGS = {
    "SCRAPESTREAM_ALLOW_NOOP": "true",
    "SCRAPESTREAM_WORKER_KINDS": "noop",
    "SCRAPESTREAM_CHROMIUM": "/no/such/browser",
}
BEHIND = ("api", "materializer")
URL = "https://noop.invalid/?ms=0"
MB = 1e6


async def measure(directory: Path) -> None:
    """Three stacks, one after the other."""
    await _waiting(directory / "waiting")
    one = await _drained(directory / "one", ("orchestrator",))
    two = await _drained(directory / "two", ("orchestrator", "orchestrator-2"))
    line("drained with one orchestrator", one, "jobs/s", at_least=300)
    line("drained with two", two, "jobs/s")
    line("two / one", two / one, "")
    line("processors, which all of it shares", os.cpu_count() or 1, "")


async def _waiting(directory: Path) -> None:
    """No worker: all jobs stay open."""
    async with (
        Stack(
            directory,
            roles=("orchestrator", *BEHIND),
            api_port=0,
            environment=_environment(directory),
        ) as stack,
        httpx2.AsyncClient(base_url=stack.addresses.api or "", timeout=120) as api,
    ):
        _, last = await _submit(api)
        acked_s = time.perf_counter()
        await _until(api, f"/jobs/{last}", lambda job: job["queue_position"] is not None)
        line(
            "place of the last one, after the answer", time.perf_counter() - acked_s, "s", at_most=2
        )
        await _scheduled(api, last)  # the orchestrator has folded all of them
        process = psutil.Process(stack.addresses.pids["orchestrator"])
        used_mb = process.memory_info().rss / MB
        line(f"orchestrator with {JOBS:,} open jobs", used_mb, "MB", at_most=300)
        os.kill(process.pid, signal.SIGKILL)
        killed_s = time.perf_counter()
        one = (await api.post("/scrape", json={"url": URL})).raise_for_status().json()["job_id"]
        await _scheduled(api, one)
        line("killed -> schedules again", time.perf_counter() - killed_s, "s", at_most=10)


async def _drained(directory: Path, orchestrators: Sequence[str]) -> float:
    """Jobs ended a second, of all or of as many as end in time."""
    roles = (*orchestrators, *BEHIND, "worker")
    async with (
        Stack(
            directory,
            roles=roles,
            workers=2,
            slots=SLOTS,
            api_port=0,
            environment=_environment(directory),
        ) as stack,
        httpx2.AsyncClient(base_url=stack.addresses.api or "", timeout=120) as api,
    ):
        batch_id, _ = await _submit(api)
        acked_s, worked_s = time.perf_counter(), _worked_s(stack)
        first_s, first, ended, took_s = 0.0, 0, 0, 0.0
        while ended < JOBS and took_s < MOST_S:
            await asyncio.sleep(0.5)
            batch = (await api.get(f"/batches/{batch_id}")).raise_for_status().json()
            took_s = time.perf_counter() - acked_s
            ended = _ended(batch)
            if not first:
                first_s, first = took_s, ended
        line("first ended, after the answer", first_s, "s")
        line("ended", ended, f"in {took_s:.0f} s")
        if ended > first:
            line("steady, from the first end on", (ended - first) / (took_s - first_s), "jobs/s")
        for name, seconds in _worked_s(stack).items():
            worked_ms = 1000 * (seconds - worked_s[name]) / max(1, ended)
            line(f"{name}, of a processor", worked_ms, "ms a job")
    return ended / took_s


async def _submit(api: httpx2.AsyncClient) -> tuple[str, str]:
    """The batch, and the last of its jobs."""
    body = json.dumps([{"url": URL}] * JOBS).encode()
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/jobs/batch", content=body, headers=headers)
    answer.raise_for_status()
    batch = answer.json()
    return str(batch["batch_id"]), str(batch["job_ids"][-1])


async def _scheduled(api: httpx2.AsyncClient, job_id: str) -> None:
    def is_there(story: Any) -> bool:
        return any(event["type"] == "AttemptScheduled" for event in story["events"])

    await _until(api, f"/jobs/{job_id}/events", is_there)


async def _until(api: httpx2.AsyncClient, path: str, is_so: Any) -> Any:
    """The answer, as soon as it ``is_so``."""
    async with asyncio.timeout(90):
        while True:
            answer = await api.get(path)
            if answer.status_code == 200 and is_so(answer.json()):
                return answer.json()
            await asyncio.sleep(0.05)


def _ended(batch: Any) -> int:
    return int(batch["counts"]["completed"])


def _worked_s(stack: Stack) -> dict[str, float]:
    """Processor time of each process of the stack so far, seconds."""
    found = {}
    for name, pid in stack.addresses.pids.items():
        times = psutil.Process(pid).cpu_times()
        found[name] = times.user + times.system
    return found


def _environment(directory: Path) -> dict[str, str]:
    """As of an installation, whose modules are compiled: nobody starts without that twice."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "PYTHONPYCACHEPREFIX": str(directory / "bytecode"), **SETTINGS}
