"""The same request sent again is the same job: at once, later, elsewhere, and side by side."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from streams.domain.events import ScrapeRequested
from streams.topics import JOB_EVENTS
from tests.api.job_events import PLACE
from tests.api.world import Process, World

KEY = {"Idempotency-Key": "order-42"}


async def ask(
    process: Process, headers: dict[str, str] | None = None, **fields: Any
) -> httpx2.Response:
    return await process.client.post(
        "/scrape", json={"url": PLACE, **fields}, headers=KEY if headers is None else headers
    )


def requests_in_log(world: World) -> int:
    records = world.records("test")
    raws = world.broker.records(JOB_EVENTS)
    return sum(isinstance(records.read_event(raw).event, ScrapeRequested) for raw in raws)


async def test_again_is_the_same_job(world: World) -> None:
    process = await world.start()
    first, second = await ask(process), await ask(process)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["job_id"] == second.json()["job_id"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert requests_in_log(world) == 1


async def test_another_process_knows_the_key(world: World) -> None:
    one, other = await world.start(), await world.start()
    first, second = await ask(one), await ask(other)
    assert first.json()["job_id"] == second.json()["job_id"]
    assert requests_in_log(world) == 1


async def test_a_quoted_key_is_the_same_key(world: World) -> None:
    process = await world.start()
    first = await ask(process)
    second = await ask(process, headers={"Idempotency-Key": '"order-42"'})
    assert first.json()["job_id"] == second.json()["job_id"]


@pytest.mark.parametrize(
    "change", [{"metadata": {"a": "b"}}, {"priority": "high"}, {"options": {"x": "y"}}]
)
async def test_another_body_is_refused(world: World, change: dict[str, Any]) -> None:
    process = await world.start()
    await ask(process)
    answer = await ask(process, **change)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "idempotency_key_reused"
    assert requests_in_log(world) == 1


async def test_side_by_side_at_two_processes_it_is_one_job(world: World) -> None:
    one, other = await world.start(), await world.start()
    answers = await asyncio.gather(*(ask(process) for process in [one, other] * 10))
    assert {answer.status_code for answer in answers} == {202}
    (job_id,) = {answer.json()["job_id"] for answer in answers}
    jobs = (await one.client.get("/jobs")).json()["jobs"]
    assert [job["job_id"] for job in jobs] == [job_id]


async def test_side_by_side_with_two_bodies_one_wins_everywhere(world: World) -> None:
    one, other = await world.start(), await world.start()
    answers = await asyncio.gather(
        *(ask(one, metadata={"n": "1"}) for _ in range(5)),
        *(ask(other, metadata={"n": "2"}) for _ in range(5)),
    )
    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 422]
    assert len(accepted) == len(refused) == 5
    job_id = accepted[0].json()["job_id"]
    told = [(await process.read(job_id))["metadata"] for process in (one, other)]
    assert told[0] == told[1]
    is_first = told[0] == {"n": "1"}
    assert [answer.status_code for answer in answers[:5]] == [202 if is_first else 422] * 5


@pytest.mark.parametrize("key", ["", " ", "with space", "x" * 256, "tab\tin it"])
async def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    answer = await ask(await world.start(), headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]


async def test_the_fingerprint_shows_to_nobody(world: World) -> None:
    process = await world.start()
    job_id = (await ask(process)).json()["job_id"]
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/events"):
        assert "fingerprint" not in (await process.client.get(path)).text
