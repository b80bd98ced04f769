"""Browsers killed at random during 30 jobs, then 100 jobs in a row: nothing lost, nothing left.

``BENCH_SEED=N`` repeats a run; the seed is printed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil

from bench.report import line
from bench.runs import distinct_reviews, follow, submit
from scrapers.browser import HOME_PREFIX
from scrapestream.data_directory import Addresses
from scrapestream.roles import DemoSite
from scrapestream.stack import Stack
from streams.adapters.clickhouse import open_clickhouse
from streams.settings import Settings

JOBS = 30
REVIEWS = 120
LATENCY_MS = 150
KILL_EVERY_S = (0.5, 4.0)
IN_A_ROW = 100
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only looked at


async def measure(directory: Path) -> None:
    """Kills hit Chromium's processes and its driver, by pid, below our own workers."""
    seed = int(os.environ.get("BENCH_SEED") or random.SystemRandom().randrange(10_000))
    print(f"  seed {seed}", flush=True)
    before = _left_over()
    async with Stack(
        directory, workers=2, slots=1, api_port=0, demo=DemoSite(latency_ms=LATENCY_MS)
    ) as stack:
        addresses = stack.addresses
        place = f"{addresses.demo_site}/maps/place/Cafe+Central"
        async with httpx2.AsyncClient(base_url=addresses.api or "", timeout=120) as api:
            chance = random.Random(seed)  # noqa: S311 - a run must be repeatable
            kills = await _killed_at_random(api, place, addresses, chance)
            for number in range(IN_A_ROW):
                job_id = await submit(api, f"{place}?reviews=10&latency_ms=0&seed={number}")
                run = await follow(api, job_id)
                if run.job["outcome"] != "completed":
                    raise RuntimeError(f"job {job_id} ended as {run.job['outcome']}")
            homes = len(_homes())
    left = _left_over() - before
    line("browsers killed", kills, "")
    line("profile directories while two slots live", homes, "", at_most=2)
    line("processes, profiles, shared memory left over", len(left), "")
    if left:
        raise RuntimeError(f"left over: {sorted(left)}")


async def _killed_at_random(
    api: httpx2.AsyncClient, place: str, addresses: Addresses, chance: random.Random
) -> int:
    """The number of kills; each job must end whole."""
    urls = [f"{place}?reviews={REVIEWS}&latency_ms={LATENCY_MS}&seed={n}" for n in range(JOBS)]
    ids = [await submit(api, url) for url in urls]
    workers = [pid for name, pid in addresses.pids.items() if name.startswith("worker")]
    following = asyncio.gather(*(follow(api, job_id) for job_id in ids))
    kills = 0
    while not following.done():
        await asyncio.wait({following}, timeout=chance.uniform(*KILL_EVERY_S))
        kills += await asyncio.to_thread(_kill_one, workers, chance)
    runs = await following
    counts = [await distinct_reviews(api, job_id) for job_id in ids]
    outcomes = {run.job["outcome"] for run in runs}
    restarts = sum(
        event["data"].get("stage") == "restarting_browser" for run in runs for event in run.events
    )
    settings = Settings(clickhouse_url=addresses.clickhouse or "")
    async with open_clickhouse(settings) as clickhouse:
        rows = await clickhouse.rows("SELECT count() - uniqExact(event_id) FROM items_v1")
    line("jobs", len(runs), "")
    line("attempts beyond the first", sum(run.job["attempt"] - 1 for run in runs), "")
    line("browsers replaced within an attempt", restarts, "")
    line("reviews lost", sum(REVIEWS - count for count in counts), "")
    line("reviews doubled in ClickHouse", float(rows[0][0]), "")
    if outcomes != {"completed"} or counts != [REVIEWS] * JOBS or rows[0][0]:
        raise RuntimeError(f"outcomes {outcomes}, counts {counts}, doubled {rows[0][0]}")
    return kills


def _kill_one(workers: Sequence[int], chance: random.Random) -> int:
    """``kill -9`` one process of a browser; 0 when there is none at the moment."""
    found = [
        process
        for worker in workers
        for process in psutil.Process(worker).children(recursive=True)
        if "chrom" in process.name()
    ]
    if not found:
        return 0
    with suppress(psutil.Error):
        chance.choice(sorted(found, key=lambda process: process.pid)).send_signal(signal.SIGKILL)
        return 1
    return 0


def _homes() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}*"))


def _left_over() -> set[str]:
    """Chromium's processes, profiles and shared memory on this machine."""
    left = {str(home) for home in _homes()}
    left |= {str(path) for path in SHARED_MEMORY.glob("*chromium*")}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "chrom" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                left.add(f"process {process.pid} {process.name()}")
    return left
