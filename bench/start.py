"""An idle worker: from the job's request to the start of its attempt, as the log tells it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from bench.report import line, quantile
from scrapestream.roles import DemoSite
from scrapestream.stack import Stack

JOBS = 60
IDLE_S = 0.6
"""Between two jobs: the worker closes the last page and makes the next one; then it is idle."""


async def measure(directory: Path) -> None:
    """One job after the other, each on a place with one review."""
    async with Stack(
        directory, workers=1, slots=1, api_port=0, demo=DemoSite(latency_ms=0)
    ) as stack:
        addresses = stack.addresses
        url = f"{addresses.demo_site}/maps/place/Cafe+Central?reviews=1&latency_ms=0"
        async with httpx2.AsyncClient(base_url=addresses.api or "", timeout=30) as api:
            waited_ms = [await _one(api, url) for _ in range(JOBS)][5:]  # the first ones warm up
    line("requested -> started, p50", quantile(waited_ms, 0.5), "ms", at_most=25)
    line("requested -> started, p99", quantile(waited_ms, 0.99), "ms", at_most=150)


async def _one(api: httpx2.AsyncClient, url: str) -> float:
    job_id = (await api.post("/scrape", json={"url": url})).json()["job_id"]
    async with api.stream("GET", f"/jobs/{job_id}/stream") as answer:
        async for _ in answer.aiter_lines():
            pass  # until it ends
    await asyncio.sleep(IDLE_S)
    events: list[dict[str, Any]] = (await api.get(f"/jobs/{job_id}/events")).json()["events"]
    at = {event["type"]: datetime.fromisoformat(event["occurred_at"]) for event in events}
    return (at["AttemptStarted"] - at["ScrapeRequested"]).total_seconds() * 1000
