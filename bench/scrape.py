"""A long list through the whole system, against the site's own floor: batches times latency."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx2

from bench.report import line
from scrapestream.roles import DemoSite
from scrapestream.stack import Stack

REVIEWS = 550
BATCH = 10
LATENCY_MS = 300


async def measure(directory: Path) -> None:
    """From the start of the attempt to the completed job, all reviews in ClickHouse."""
    async with Stack(
        directory, workers=1, slots=1, api_port=0, demo=DemoSite(latency_ms=LATENCY_MS)
    ) as stack:
        addresses = stack.addresses
        place = f"{addresses.demo_site}/maps/place/Cafe+Central"
        async with httpx2.AsyncClient(base_url=addresses.api or "", timeout=120) as api:
            asked = {"url": f"{place}?reviews={REVIEWS}&latency_ms={LATENCY_MS}"}
            job_id = (await api.post("/scrape", json=asked)).json()["job_id"]
            async with api.stream("GET", f"/jobs/{job_id}/stream") as answer:
                async for _ in answer.aiter_lines():
                    pass  # until it ends
            job = (await api.get(f"/jobs/{job_id}")).json()
            reviews = (await api.get(f"/jobs/{job_id}/reviews")).json()["reviews"]
    begun, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "completed_at"))
    took_s = (ended - begun).total_seconds()
    floor_s = REVIEWS / BATCH * LATENCY_MS / 1000
    line("reviews", len({review["review_id"] for review in reviews}), "", at_least=REVIEWS)
    line("time", took_s, "s")
    line("floor of the site", floor_s, "s")
    line("ratio to the floor", took_s / floor_s, "", at_most=1.15)
