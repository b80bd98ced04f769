"""``POST /scrape`` under load, ours and FastAPI + Celery + Redis in turn, with the same client.

Twice: the API alone (who accepts faster), and with everything that works behind it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.peers import celery_stack
from bench.report import line, quantile
from scrapestream.stack import Stack

CONNECTIONS = 64
WARM_S = 2.0
SECONDS = 6.0
BODY = {"url": "https://www.google.com/maps/place/Cafe+Central"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one side did under the load."""

    rate: float
    """Jobs acknowledged a second."""
    p50_ms: float
    p99_ms: float


async def measure(directory: Path) -> None:
    """Client and servers share the machine, the same for both."""
    for number, (what, roles) in enumerate(
        (
            ("API alone", ("api",)),
            ("with all behind it", ("api", "orchestrator", "materializer")),
        )
    ):
        async with Stack(directory / f"ours{number}", roles=roles, api_port=0) as stack:
            ours = await _load(f"{stack.addresses.api}/scrape")
        redis = directory / f"redis{number}"
        redis.mkdir()
        with celery_stack.running(redis, with_worker=len(roles) > 1) as address:
            peer = await _load(f"{address}/scrape")
        line(f"{what}: ours", ours.rate, "jobs/s")
        line(f"{what}: FastAPI + Celery + Redis", peer.rate, "jobs/s")
        line(f"{what}: ours / peer", ours.rate / peer.rate, "", at_least=5)
        line(f"{what}: ours, p50", ours.p50_ms, "ms")
        line(f"{what}: peer, p50", peer.p50_ms, "ms")
        line(f"{what}: ours, p99", ours.p99_ms, "ms", at_most=peer.p99_ms)
        line(f"{what}: peer, p99", peer.p99_ms, "ms")


async def _load(url: str) -> Load:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def client(until_s: float, took_ms: list[float]) -> None:
            while time.monotonic() < until_s:
                began_s = time.perf_counter()
                async with session.post(url, json=BODY) as answer:
                    await answer.read()
                    if answer.status != 202:
                        raise RuntimeError(f"status {answer.status}")
                took_ms.append((time.perf_counter() - began_s) * 1000)

        took_ms: list[float] = []
        for seconds in (WARM_S, SECONDS):
            took_ms.clear()
            began_s = time.monotonic()
            until_s = began_s + seconds
            await asyncio.gather(*(client(until_s, took_ms) for _ in range(CONNECTIONS)))
            took_s = time.monotonic() - began_s
    return Load(
        rate=len(took_ms) / took_s, p50_ms=quantile(took_ms, 0.5), p99_ms=quantile(took_ms, 0.99)
    )
