"""A list of 20,000 reviews: its end is as fast as its beginning, and memory stays where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import psutil

from bench.report import line
from bench.runs import distinct_reviews, follow, submit
from scrapestream.roles import DemoSite
from scrapestream.stack import Stack

REVIEWS = 20_000
PART = 1_000
WARM = 2_000
"""Reviews after which memory is compared."""
LATENCY_MS = 20
MEGABYTE = 1024 * 1024


async def measure(directory: Path) -> None:
    """One job; the browser's and driver's memory is read each second."""
    async with Stack(
        directory, workers=1, slots=1, api_port=0, demo=DemoSite(latency_ms=LATENCY_MS)
    ) as stack:
        addresses = stack.addresses
        worker = next(pid for name, pid in addresses.pids.items() if name.startswith("worker"))
        url = f"{addresses.demo_site}/maps/place/Cafe+Central?reviews={REVIEWS}"
        async with httpx2.AsyncClient(base_url=addresses.api or "", timeout=120) as api:
            job_id = await submit(api, f"{url}&latency_ms={LATENCY_MS}")
            following = asyncio.create_task(follow(api, job_id))
            memory: list[tuple[int, int]] = []
            while not following.done():
                await asyncio.wait({following}, timeout=1.0)
                job = (await api.get(f"/jobs/{job_id}")).json()
                memory.append((job["reviews_count"], await asyncio.to_thread(_browser, worker)))
            run = await following
            count = await distinct_reviews(api, job_id)
    first_s = run.reached_s(PART)
    last_s = run.reached_s(REVIEWS) - run.reached_s(REVIEWS - PART)
    warm = next(size for reviews, size in memory if reviews >= WARM)
    end = next(size for reviews, size in reversed(memory) if size)
    line("distinct reviews", count, "", at_least=REVIEWS)
    line("time", run.took_s, "s")
    line("floor of the site (batches x latency)", REVIEWS / 10 * LATENCY_MS / 1000, "s")
    line(f"first {PART:,} reviews", first_s, "s")
    line(f"last {PART:,} reviews", last_s, "s")
    line("last / first", last_s / first_s, "", at_most=1.3)
    line(f"browser and driver after {WARM:,} reviews", warm / MEGABYTE, "MB")
    line("browser and driver at the end", end / MEGABYTE, "MB")
    line("end / after the first", end / warm, "", at_most=1.5)


def _browser(worker: int) -> int:
    """Memory of all Chromium processes below a worker, shared pages counted once, bytes."""
    total = 0
    for process in psutil.Process(worker).children(recursive=True):
        try:
            if "chrom" in process.name():
                total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it has just ended
    return total
