"""``/jobs/batch`` and ``/batches/{id}``: many jobs in one call, each taken or refused by itself."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from api.job_memory import JobMemory
from streams.domain.events import CancelRequested, ScrapeRequested
from streams.domain.ids import JobId
from streams.ports import NewRecord, RawRecord
from streams.topics import JOB_EVENTS
from tests.api.job_events import PLACE, completed, started
from tests.api.world import NOBODY, Process, World, eventually, open_world

GOOD = {"url": PLACE}
ELSEWHERE = {"url": "https://example.com/"}
TYPO = {"url": PLACE, "prioritty": "high"}


async def submitted(process: Process, items: list[Any], **headers: str) -> dict[str, Any]:
    answer = await process.client.post("/jobs/batch", json=items, headers=headers)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/batches/{body['batch_id']}"
    return body


async def counts(process: Process, batch_id: str) -> dict[str, int]:
    answer = await process.client.get(f"/batches/{batch_id}")
    assert answer.status_code == 200, answer.text
    return {status: count for status, count in answer.json()["counts"].items() if count}


async def complete(world: World, *job_ids: str) -> None:
    for job_id in job_ids:
        await world.append(JobId(job_id), *started(), *completed(0))


async def test_each_item_becomes_a_job_with_its_own_options(world: World) -> None:
    process = await world.start()
    items = [{**GOOD, "priority": "low", "metadata": {"n": str(n)}} for n in range(3)]
    body = await submitted(process, items)
    assert (body["total"], body["accepted"], body["refused"]) == (3, 3, 0)
    for number, job_id in enumerate(body["job_ids"]):
        [recorded] = world.history(job_id)
        assert isinstance(recorded.event, ScrapeRequested)
        assert recorded.event.metadata == {"n": str(number)}
        job = await process.read(job_id)
        assert (job["batch_id"], job["priority"]) == (body["batch_id"], "low")


async def test_an_item_that_cannot_work_is_refused_alone(world: World) -> None:
    process = await world.start()
    body = await submitted(process, [GOOD, ELSEWHERE, TYPO, "no object", GOOD])
    assert (body["accepted"], body["refused"]) == (2, 3)
    assert [job_id is None for job_id in body["job_ids"]] == [False, True, True, True, False]
    problems = [(error["index"], error["problem"]["code"]) for error in body["errors"]]
    assert problems == [
        (1, "input.url_unsupported"),
        (2, "invalid_request"),
        (3, "invalid_request"),
    ]
    assert "`prioritty`" in body["errors"][1]["problem"]["detail"]
    assert len(world.broker.records(JOB_EVENTS)) == 2


async def test_lines_are_taken_like_an_array(world: World) -> None:
    process = await world.start()
    lines = "\n".join([json.dumps(GOOD), "", "{not json", json.dumps(GOOD)])
    answer = await process.client.post(
        "/jobs/batch", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["errors"][0]["index"]) == (2, 1)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        ("[]", "application/json", 422),
        ("\n\n", "application/x-ndjson", 422),
        ('{"url": "x"}', "application/json", 400),
        ("[{]", "application/json", 400),
        ("[]", "text/plain", 415),
        (json.dumps([ELSEWHERE, TYPO]), "application/json", 422),
        (json.dumps([GOOD] * 6), "application/json", 422),
        (json.dumps([{**GOOD, "metadata": {"a": "x" * 900}}] * 5), "application/json", 413),
    ],
)
async def test_a_call_that_makes_no_job_is_refused_as_a_whole(
    world: World, body: str, media_type: str, status: int
) -> None:
    process = await world.start(max_batch_jobs=5, max_batch_body_bytes=4_000, max_body_bytes=100)
    answer = await process.client.post(
        "/jobs/batch", content=body, headers={"Content-Type": media_type}
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.broker.records(JOB_EVENTS) == []


async def test_when_none_can_work_each_is_told_why(world: World) -> None:
    process = await world.start()
    answer = await process.client.post("/jobs/batch", json=[ELSEWHERE, TYPO])
    assert answer.status_code == 422
    assert [error["index"] for error in answer.json()["errors"]] == [0, 1]


async def test_counts_are_right_at_once_and_follow_the_jobs(world: World) -> None:
    process = await world.start()
    body = await submitted(process, [GOOD] * 4)
    batch_id, jobs = body["batch_id"], body["job_ids"]
    assert await counts(process, batch_id) == {"queued": 4}
    await complete(world, jobs[0])
    await world.append(JobId(jobs[1]), *started())
    await process.is_caught_up()
    assert await counts(process, batch_id) == {"queued": 2, "processing": 1, "completed": 1}
    answer = (await process.client.get(f"/batches/{batch_id}")).json()
    assert (answer["status"], answer["progress"], answer["open"]) == ("open", 25, 3)
    assert answer["estimated_time"] is not None
    await complete(world, *jobs[1:])
    await process.is_caught_up()
    answer = (await process.client.get(f"/batches/{batch_id}")).json()
    assert (answer["status"], answer["progress"], answer["estimated_time"]) == ("ended", 100, None)


async def test_another_process_counts_the_same_at_once(world: World) -> None:
    process, other = await world.start(), await world.start()
    body = await submitted(process, [GOOD] * 30)
    assert await counts(other, body["batch_id"]) == {"queued": 30}


async def test_a_process_that_starts_later_counts_what_the_store_has(world: World) -> None:
    process = await world.start()
    body = await submitted(process, [GOOD] * 5)
    await complete(world, *body["job_ids"][:2])
    await process.is_caught_up()
    late = await world.start()  # it loads open jobs only
    world.store.is_held = True
    await complete(world, body["job_ids"][2])  # and this one comes over the log alone
    await late.is_caught_up()
    assert await counts(late, body["batch_id"]) == {"queued": 2, "completed": 3}


async def test_jobs_that_left_memory_still_count(world: World) -> None:
    process = await world.start(memory=JobMemory(most_jobs=2))
    body = await submitted(process, [GOOD] * 6)
    await complete(world, *body["job_ids"])
    await process.is_caught_up()
    await eventually(lambda: len(process.live.memory) <= 2)
    assert await counts(process, body["batch_id"]) == {"completed": 6}
    late = await world.start()
    assert await counts(late, body["batch_id"]) == {"completed": 6}


async def test_an_unknown_batch_is_404_everywhere(world: World) -> None:
    process = await world.start()
    for batch_id in (NOBODY, "none"):
        for path in ("", "/stream", "/jobs"):
            answer = await process.client.get(f"/batches/{batch_id}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_batch")
        assert (await process.client.delete(f"/batches/{batch_id}")).status_code == 404


async def test_the_jobs_of_a_batch_are_listed_page_by_page(world: World) -> None:
    process = await world.start()
    await process.submit()
    body = await submitted(process, [GOOD] * 5)
    path: str | None = f"/batches/{body['batch_id']}/jobs?limit=2"
    found: list[str] = []
    while path:
        answer = await process.client.get(path)
        found += [job["job_id"] for job in answer.json()["jobs"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert sorted(found) == sorted(body["job_ids"])
    await complete(world, body["job_ids"][0])
    await process.is_caught_up()
    answer = await process.client.get(f"/batches/{body['batch_id']}/jobs?status=completed")
    assert [job["job_id"] for job in answer.json()["jobs"]] == body["job_ids"][:1]


async def test_cancelling_asks_for_the_end_of_every_open_job(world: World) -> None:
    process = await world.start()
    body = await submitted(process, [GOOD] * 4)
    await complete(world, body["job_ids"][0])
    await process.is_caught_up()
    path = f"/batches/{body['batch_id']}"
    answer = await process.client.delete(path)
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, 3)
    asked = [
        job_id
        for job_id in body["job_ids"]
        if any(isinstance(one.event, CancelRequested) for one in world.history(job_id))
    ]
    assert asked == body["job_ids"][1:]
    again = await process.client.delete(path)
    assert (again.status_code, again.json()["cancel_requested"]) == (202, 0)


async def test_the_same_batch_with_its_key_makes_no_second_job(world: World) -> None:
    process, other = await world.start(), await world.start()
    items = [GOOD, ELSEWHERE, GOOD]
    first = await submitted(process, items, **{"Idempotency-Key": "night-17"})
    for each in (process, other):
        answer = await each.client.post(
            "/jobs/batch", json=items, headers={"Idempotency-Key": "night-17"}
        )
        assert (answer.status_code, answer.json()) == (202, first)
        assert answer.headers["idempotency-replayed"] == "true"
    assert len(world.broker.records(JOB_EVENTS)) == 2
    other_body = await process.client.post(
        "/jobs/batch", json=[GOOD], headers={"Idempotency-Key": "night-17"}
    )
    assert other_body.json()["code"] == "idempotency_key_reused"


async def test_a_batch_that_was_stored_in_part_is_completed_by_its_key(world: World) -> None:
    process = await world.start()
    items = [GOOD] * 4
    key = {"Idempotency-Key": "night-18"}
    first = await submitted(process, items, **key)
    stored = world.broker.records(JOB_EVENTS)
    async with open_world() as fresh:  # as if the broker had died after three of four
        await fresh.broker.send([_again(raw) for raw in stored[:3]])
        late = await fresh.start(secret_key=world.settings.secret_key)
        again = await submitted(late, items, **key)
        assert again["job_ids"] == first["job_ids"]
        assert len(fresh.broker.records(JOB_EVENTS)) == 4
        assert await counts(late, first["batch_id"]) == {"queued": 4}


async def test_nothing_is_stored_while_kafka_is_away(world: World) -> None:
    process = await world.start()
    world.broker.away = True
    answer = await process.client.post("/jobs/batch", json=[GOOD])
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    world.broker.away = False
    assert world.broker.records(JOB_EVENTS) == []


async def test_the_stream_tells_the_counts_until_all_have_ended(world: World) -> None:
    process = await world.serve()
    body = await submitted(process, [GOOD] * 3)
    told: list[dict[str, Any]] = []
    path = f"{process.base_url}/batches/{body['batch_id']}/stream"
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=10) as client,
        client.stream("GET", path) as answer,
    ):
        last_id = ""
        async for event in httpx2.EventSource(answer):
            if not event.data:
                continue
            told.append(json.loads(event.data))
            last_id = event.id
            if len(told) == 1:
                await complete(world, *body["job_ids"])
    assert told[0]["counts"]["queued"] == 3
    assert (told[-1]["status"], told[-1]["counts"]["completed"]) == ("ended", 3)
    assert len(told) <= 4  # changes that come together are one message
    again = await process.client.get(path, headers={"Last-Event-ID": last_id})
    assert again.status_code == 204


def _again(raw: RawRecord) -> NewRecord:
    return NewRecord(topic=raw.topic, key=raw.key, value=raw.value, headers=raw.headers)
