"""``POST /scrape`` under load: each answer comes after Kafka's acknowledgement."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp

from bench.report import line, quantile
from scrapestream.stack import Stack

CONNECTIONS = 64
SECONDS = 5.0
BODY = {"url": "https://www.google.com/maps/place/Cafe+Central"}


async def measure(directory: Path) -> None:
    """No worker runs: this is about submission alone. Client and server share the machine."""
    roles = ("api", "orchestrator", "materializer")
    async with Stack(directory, roles=roles, api_port=0) as stack:
        url = f"{stack.addresses.api}/scrape"
        took_ms: list[float] = []
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def client(until_s: float) -> None:
                while time.monotonic() < until_s:
                    began_s = time.perf_counter()
                    async with session.post(url, json=BODY) as answer:
                        await answer.read()
                        if answer.status != 202:
                            raise RuntimeError(f"status {answer.status}")
                    took_ms.append((time.perf_counter() - began_s) * 1000)

            began_s = time.monotonic()
            await asyncio.gather(*(client(began_s + SECONDS) for _ in range(CONNECTIONS)))
            took_s = time.monotonic() - began_s
    line("submitted and acknowledged", len(took_ms) / took_s, "jobs/s")
    line("time of a call, p50", quantile(took_ms, 0.5), "ms")
    line("time of a call, p99", quantile(took_ms, 0.99), "ms")
