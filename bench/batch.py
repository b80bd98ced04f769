"""25,000 jobs in one call: the answer comes after Kafka has acknowledged all of them."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx2
import psutil

from bench.report import line
from scrapestream.stack import Stack

JOBS = 25_000
CALLS = 3


async def measure(directory: Path) -> None:
    """No worker runs: this is about submission alone. Client and server share the machine."""
    roles = ("api", "orchestrator", "materializer")
    async with (
        Stack(directory, roles=roles, api_port=0) as stack,
        httpx2.AsyncClient(base_url=stack.addresses.api or "", timeout=120) as api,
    ):
        body = json.dumps([_request(number) for number in range(JOBS)]).encode()
        line("body", len(body) / 1e6, "MB")
        process = psutil.Process(stack.addresses.pids["api"])
        took_s = [await _one(api, process, body, number) for number in range(1, CALLS + 1)]
    for seconds in took_s:
        line(f"{JOBS:,} jobs submitted and acknowledged", seconds, "s", at_most=1.0)


async def _one(api: httpx2.AsyncClient, process: psutil.Process, body: bytes, number: int) -> float:
    before = process.cpu_times()
    began_s = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/jobs/batch", content=body, headers=headers)
    took_s = time.perf_counter() - began_s
    if answer.status_code != 202:
        raise RuntimeError(answer.text)
    after = process.cpu_times()
    worked_s = after.user + after.system - before.user - before.system
    line("processor time of the API meanwhile", worked_s, "s")
    batch = answer.json()
    asked_s = time.perf_counter()
    counted = (await api.get(f"/batches/{batch['batch_id']}")).raise_for_status().json()
    line("its counts", (time.perf_counter() - asked_s) * 1000, "ms")
    if (batch["accepted"], counted["total"]) != (JOBS, JOBS):
        raise RuntimeError(f"accepted {batch['accepted']}, counted {counted['total']}")
    # The next call must not share the machine with what this one has left to do.
    async with asyncio.timeout(200):
        while True:
            view = (await api.get("/health/detailed")).json()["live_view"]
            if view["jobs"] == number * JOBS and view["events"] >= 2 * number * JOBS:
                return took_s  # each job has an attempt that waits for a worker
            await asyncio.sleep(0.2)


def _request(number: int) -> dict[str, object]:
    place = f"https://www.google.com/maps/place/Cafe+Central+{number}"
    return {"url": place, "metadata": {"order": str(number)}}
