"""Jobs while roles, browsers and the broker are killed, frozen and restarted at random.

At the end the whole log is held against ClickHouse and against the webhooks that were received.
``BENCH_SEED=N`` repeats a run, ``CHAOS_RUNS=N`` makes more of them; each seed is printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from bench.havoc import Havoc
from bench.report import line
from scrapestream.roles import DemoSite
from scrapestream.stack import Stack
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.kafka_reader import open_reader
from streams.audit import Audit
from streams.findings import Findings
from streams.settings import Settings

JOBS = 40
SUBMIT_OVER_S = 45.0
SIZES = (1, 10, 40, 90)
LATENCY_MS = 100
END_WITHIN_S = 240.0
ENDED = frozenset({"completed", "failed", "cancelled"})
ROLES = (
    "api",
    "api-2",
    "orchestrator",
    "orchestrator-2",
    "materializer",
    "webhooks",
    "places",
    "worker",
)


async def measure(directory: Path) -> None:
    """One run, or as many as asked for, each with the next seed."""
    first = int(os.environ.get("BENCH_SEED") or random.SystemRandom().randrange(10_000))
    violations = 0
    for seed in range(first, first + int(os.environ.get("CHAOS_RUNS") or 1)):
        print(f"  seed {seed}", flush=True)
        violations += await run(directory / str(seed), seed)
    line("violations", violations, "")
    if violations:
        raise RuntimeError(f"{violations} violations")


async def run(
    directory: Path, seed: int, *, jobs: int = JOBS, over_s: float = SUBMIT_OVER_S
) -> int:
    """One run of jobs that come over so many seconds; the number of violations, each printed."""
    chance = random.Random(seed)  # noqa: S311 - a run must be repeatable
    async with Stack(
        directory, roles=ROLES, workers=3, slots=1, api_port=0, demo=DemoSite(latency_ms=LATENCY_MS)
    ) as stack:
        ports = json.loads((directory / "ports.json").read_text())
        apis = [stack.addresses.api or "", f"http://127.0.0.1:{ports['api-2']}"]
        crowd = _Crowd(apis, stack.addresses.demo_site or "", chance)
        havoc = Havoc(lambda: stack.addresses.pids, random.Random(seed + 1))  # noqa: S311
        wreaking = asyncio.create_task(havoc.run())
        try:
            await crowd.submit_all(jobs, over_s)
        finally:
            wreaking.cancel()
            await asyncio.wait({wreaking})
            havoc.calm_down()
        wrong = await crowd.not_ended()
        wrong += await crowd.wrong_results()
        wrong += await crowd.wrong_webhooks()
        findings = await _audit(stack)
    wrong += [f"{each.rule} {each.subject}: {each.detail}" for each in findings.violations]
    line("jobs", findings.jobs, "")
    line("events in the log", findings.events, "")
    line("items in the log", findings.items, "")
    for what, count in sorted(havoc.done.items()):
        line(f"  {what}", count, "")
    for text in wrong:
        print(f"  VIOLATION {text}", flush=True)
    return len(wrong)


class _Crowd:
    """Clients that submit with an idempotency key, and try again until they have an answer."""

    def __init__(self, apis: list[str], demo_site: str, chance: random.Random) -> None:
        self._apis = apis
        self._demo_site = demo_site
        self._chance = chance
        self._http = httpx2.AsyncClient(timeout=15)
        self._run = uuid.uuid4().hex[:8]
        self.asked: dict[str, int] = {}
        """Job id to the number of reviews that it must find."""

    async def submit_all(self, jobs: int, over_s: float) -> None:
        """Submit, spread at random; each client asks either API."""
        starts = sorted(self._chance.uniform(0, over_s) for _ in range(jobs))
        sizes = [self._chance.choice(SIZES) for _ in range(jobs)]
        await asyncio.gather(
            *(
                self._submit(number, at_s, size)
                for number, (at_s, size) in enumerate(zip(starts, sizes, strict=True))
            )
        )

    async def _submit(self, number: int, at_s: float, size: int) -> None:
        await asyncio.sleep(at_s)
        place = f"{self._demo_site}/maps/place/Cafe+{number}"
        body = {
            "url": f"{place}?reviews={size}&latency_ms={LATENCY_MS}",
            "webhook_url": f"{self._demo_site}/webhooks/{self._run}-{number}",
        }
        headers = {"Idempotency-Key": f"{self._run}-{number}"}
        deadline = time.monotonic() + END_WITHIN_S
        while time.monotonic() < deadline:
            api = self._chance.choice(self._apis)
            with suppress(httpx2.TransportError):
                answer = await self._http.post(f"{api}/scrape", json=body, headers=headers)
                if answer.status_code == 202:
                    self.asked[answer.json()["job_id"]] = size
                    return
                if answer.status_code != 503:
                    raise RuntimeError(f"{answer.status_code} {answer.text}")
            await asyncio.sleep(0.5)
        raise RuntimeError(f"job {number} could not be submitted")

    async def not_ended(self) -> list[str]:
        """Jobs that do not end in time."""
        deadline = time.monotonic() + END_WITHIN_S
        left = set(self.asked)
        while left and time.monotonic() < deadline:
            for job_id in list(left):
                answer = await self._get(f"/jobs/{job_id}")
                if answer is not None and answer["status"] in ENDED:
                    left.discard(job_id)
            await asyncio.sleep(0.5)
        return [f"job {job_id} did not end" for job_id in left]

    async def wrong_results(self) -> list[str]:
        """Jobs whose reviews are not all there, each once; a partial one must say so."""
        wrong = []
        for job_id, size in self.asked.items():
            job = await self._get(f"/jobs/{job_id}")
            answer = await self._get(f"/jobs/{job_id}/reviews?limit=1000")
            if job is None or answer is None:
                wrong.append(f"job {job_id} cannot be read")
                continue
            ids = [review["review_id"] for review in answer["reviews"]]
            if len(ids) != len(set(ids)) or job["reviews_count"] != len(ids):
                wrong.append(f"job {job_id}: {len(ids)} reviews, {len(set(ids))} distinct")
            elif job["outcome"] == "completed" and len(ids) != size:
                wrong.append(f"job {job_id} says completed with {len(ids)} of {size}")
            elif job["status"] != "completed":
                wrong.append(f"job {job_id} ended as {job['status']}: {job['error_message']}")
        return wrong

    async def wrong_webhooks(self) -> list[str]:
        """Webhooks that did not come, or under several ids."""
        boxes = {f"{self._run}-{number}" for number in range(len(self.asked))}
        found: dict[str, set[str]] = {}
        deadline = time.monotonic() + 60
        while len(found) < len(boxes) and time.monotonic() < deadline:
            for box in boxes - set(found):
                answer = await self._http.get(f"{self._demo_site}/webhooks/{box}")
                ids = {
                    dict(delivery["headers"])["webhook-id"]
                    for delivery in answer.json()["deliveries"]
                }
                if ids:
                    found[box] = ids
            await asyncio.sleep(0.5)
        wrong = [f"no webhook in box {box}" for box in sorted(boxes - set(found))]
        return wrong + [f"box {box}: ids {ids}" for box, ids in found.items() if len(ids) > 1]

    async def _get(self, path: str) -> dict[str, Any] | None:
        for api in self._apis * 10:
            with suppress(httpx2.TransportError):
                answer = await self._http.get(f"{api}{path}")
                if answer.status_code == 200:
                    found: dict[str, Any] = answer.json()
                    return found
            await asyncio.sleep(0.2)
        return None


async def _audit(stack: Stack) -> Findings:
    settings = Settings(
        kafka_url=stack.addresses.kafka or "",
        registry_url=stack.addresses.registry or "",
        clickhouse_url=stack.addresses.clickhouse or "",
    )
    async with (
        open_log(settings, "audit") as parts,
        open_reader(settings, "audit") as reader,
        open_clickhouse(settings) as clickhouse,
    ):
        audit = Audit(reader, parts.records, clickhouse, settled_s=0)
        return await audit.run()
