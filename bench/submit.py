"""``POST /scrape`` under load, ours and FastAPI + Celery + Redis in turn, with the same client.

Twice: the API alone (who accepts faster), and with everything that works behind it. Each side has
one API process, and the same payload comes from the same tool (``bench.load``).
"""

from __future__ import annotations

import os
from pathlib import Path

from bench import load
from bench.peers import celery_stack
from bench.report import line
from scrapestream.stack import Stack

WARM_S = 2
SECONDS = 6
BODY = '{"url": "https://www.google.com/maps/place/Cafe+Central"}'


async def measure(directory: Path) -> None:
    """Client and servers share the machine, the same for both."""
    for number, (what, roles) in enumerate(
        (
            ("API alone", ("api",)),
            ("with all behind it", ("api", "orchestrator", "materializer")),
        )
    ):
        async with Stack(directory / f"ours{number}", roles=roles, api_port=0) as stack:
            ours, cost_us = await _load(
                f"{stack.addresses.api}/scrape", stack.addresses.pids["api"], directory
            )
        redis = directory / f"redis{number}"
        redis.mkdir()
        with celery_stack.running(redis, with_worker=len(roles) > 1) as (address, pid):
            peer, peer_cost_us = await _load(f"{address}/scrape", pid, directory)
        line(f"{what}: ours", ours.rate, "jobs/s")
        line(f"{what}: FastAPI + Celery + Redis", peer.rate, "jobs/s")
        line(f"{what}: ours / peer", ours.rate / peer.rate, "", at_least=5)
        line(f"{what}: ours, p50", ours.p50_ms, "ms")
        line(f"{what}: peer, p50", peer.p50_ms, "ms")
        line(f"{what}: ours, p99", ours.p99_ms, "ms", at_most=peer.p99_ms)
        line(f"{what}: peer, p99", peer.p99_ms, "ms")
        line(f"{what}: ours, API's processor time", cost_us, "us/job")
        line(f"{what}: peer, API's processor time", peer_cost_us, "us/job")


async def _load(url: str, pid: int, directory: Path) -> tuple[load.Load, float]:
    """What the load was, and the processor time of the API's process for each job, us."""
    await load.post(url, BODY, seconds=WARM_S, directory=directory)
    before_s = _processor_s(pid)
    measured = await load.post(url, BODY, seconds=SECONDS, directory=directory)
    return measured, (_processor_s(pid) - before_s) / measured.requests * 1e6


def _processor_s(pid: int) -> float:
    """Processor time of a process so far, all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
