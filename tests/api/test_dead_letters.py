"""``/dlq``: what could not be processed is listed, looked at, sent back and dropped."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.dead_letters import EXHAUSTED
from streams.domain.ids import JobId
from streams.domain.webhook import DeliveryScheduled, RecordedDelivery, delivery_id_of
from streams.ports import NewRecord, RawRecord
from streams.topics import JOB_EVENTS, SCRAPE_DLQ, WEBHOOK_DLQ, WEBHOOK_EVENTS
from tests.api.world import Process, World

JOB = JobId("1" * 32)
SEALED = "gAAAA" + "x" * 40


async def junk(world: World, text: str = "junk", reason: str = "not in the format") -> RawRecord:
    """A record that cannot be read, and the letter that is made of it."""
    headers = [("ce_id", b"e1"), ("traceparent", b"00-1-2-01")]
    record = NewRecord(topic=JOB_EVENTS, key=JOB.encode(), value=text.encode(), headers=headers)
    [at] = await world.broker.send([record])
    [raw] = [
        raw
        for raw in world.broker.records(JOB_EVENTS)
        if (raw.partition, raw.offset) == (at.partition, at.offset)
    ]
    await world.log.reject(raw, reason, to=SCRAPE_DLQ)
    return raw


async def given_up(world: World) -> RawRecord:
    """A webhook that no try is left for."""
    scheduled = DeliveryScheduled(type="job.failed", url="https://a.b/", secret=SEALED, body="{}")
    await world.log.append_delivery(
        RecordedDelivery(
            delivery_id=delivery_id_of(JOB),
            job_id=JOB,
            tenant="public",
            event_id="e1",
            occurred_at=datetime.now(UTC),
            event=scheduled,
        )
    )
    raw = world.broker.records(WEBHOOK_EVENTS)[-1]
    await world.log.reject(raw, "no try is left after 3", to=WEBHOOK_DLQ, error=EXHAUSTED)
    return raw


async def listed(process: Process, **params: Any) -> list[dict[str, Any]]:
    answer = await process.client.get("/dlq", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["letters"]
    return found


async def test_a_letter_says_where_it_came_from_and_why(world: World) -> None:
    process = await world.start()
    raw = await junk(world)
    [letter] = await listed(process)
    assert letter["original"] == f"{JOB_EVENTS}/{raw.partition}/{raw.offset}"
    assert (letter["error"], letter["reason"]) == ("unreadable_record", "not in the format")
    assert (letter["key"], letter["size_bytes"], letter["resolution"]) == (JOB, 4, None)
    assert datetime.fromisoformat(letter["rejected_at"]) <= datetime.now(UTC)
    shown = (await process.client.get(f"/dlq/{letter['id']}")).json()
    assert shown["text"] == "junk"
    assert shown["headers"]["ce_id"] == "e1"
    assert shown["headers"]["dlq_topic"] == JOB_EVENTS


async def test_letters_are_found_by_topic_reason_and_time(world: World) -> None:
    process = await world.start()
    await junk(world, reason="schema 7 is unknown")
    await given_up(world)
    now = datetime.now(UTC)
    for params, topics in (
        ({}, [SCRAPE_DLQ, WEBHOOK_DLQ]),
        ({"topic": WEBHOOK_DLQ}, [WEBHOOK_DLQ]),
        ({"reason": "SCHEMA 7"}, [SCRAPE_DLQ]),
        ({"reason": "webhook_exhausted"}, [WEBHOOK_DLQ]),
        ({"since": (now - timedelta(hours=1)).isoformat()}, [SCRAPE_DLQ, WEBHOOK_DLQ]),
        ({"since": (now + timedelta(hours=1)).isoformat()}, []),
        ({"limit": 1}, [SCRAPE_DLQ]),
    ):
        assert [each["topic"] for each in await listed(process, **params)] == topics, params


async def test_dropped_letters_are_left_out_of_every_list(world: World) -> None:
    process, other = await world.start(), await world.start()
    for number in range(3):
        await junk(world, f"junk {number}")
    [newest, *rest] = await listed(process)
    body = {"ids": [newest["id"]], "dry_run": True}
    answer = (await process.client.post("/dlq/drop", json=body)).json()
    assert (answer["matched"], answer["results"][0]["result"]) == (1, "would be dropped")
    assert len(await listed(process)) == 3
    body["dry_run"] = False
    answer = (await process.client.post("/dlq/drop", json=body)).json()
    assert answer["results"] == [{"id": newest["id"], "result": "dropped"}]
    for each in (process, other, await world.start()):
        assert await listed(each) == rest
    shown = (await process.client.get(f"/dlq/{newest['id']}")).json()
    assert shown["resolution"] == "dropped"


async def test_a_requeued_letter_is_the_same_record_again(world: World) -> None:
    process = await world.start()
    raw = await junk(world)
    [letter] = await listed(process)
    answer = await process.client.post("/dlq/requeue", json={"topic": SCRAPE_DLQ})
    assert answer.json()["results"] == [{"id": letter["id"], "result": "requeued"}]
    again = world.broker.records(JOB_EVENTS)[-1]
    assert (again.key, again.value, again.partition) == (raw.key, raw.value, raw.partition)
    assert list(again.headers) == [*raw.headers, ("requeued_from", letter["id"].encode())]
    assert await listed(process) == []
    # It fails again: that is a new letter, which says what it was.
    await world.log.reject(again, "still junk", to=SCRAPE_DLQ)
    [second] = await listed(process)
    assert (second["reason"], second["requeued_from"]) == ("still junk", letter["id"])


async def test_a_requeued_webhook_is_owed_again_under_a_new_id(world: World) -> None:
    process = await world.start()
    raw = await given_up(world)
    await process.client.post("/dlq/requeue", json={"topic": WEBHOOK_DLQ})
    records = world.records("test")
    first = records.read_delivery(raw)
    owed = [records.read_delivery(one) for one in world.broker.records(WEBHOOK_EVENTS)]
    [again] = [one for one in owed if one.delivery_id != first.delivery_id]
    assert (again.event, again.job_id) == (first.event, first.job_id)
    assert await listed(process) == []


async def test_no_secret_is_shown_sealed_or_not(world: World) -> None:
    process = await world.start()
    await given_up(world)
    await junk(world, f"half a record {SEALED} and more")
    for letter in await listed(process):
        text = (await process.client.get(f"/dlq/{letter['id']}")).text
        assert "gAAAA" not in text
        assert "xxxx" not in text


async def test_a_record_that_was_rejected_twice_is_one_letter(world: World) -> None:
    process = await world.start()
    raw = await junk(world)
    await world.log.reject(raw, "after a crash", to=SCRAPE_DLQ)
    [letter] = await listed(process)
    assert letter["reason"] == "after a crash"


async def test_a_letter_without_its_origin_can_only_be_dropped(world: World) -> None:
    process = await world.start()
    await world.broker.send([NewRecord(topic=SCRAPE_DLQ, key=None, value=b"by hand")])
    answer = await process.client.post("/dlq/requeue", json={})
    assert "drop it" in answer.json()["results"][0]["result"]
    assert len(await listed(process)) == 1


@pytest.mark.parametrize("path", ["/scrape-dlq/0/99", "/job-events/0/0", "/scrape-dlq/x/0"])
async def test_what_is_no_letter_is_404(world: World, path: str) -> None:
    process = await world.start()
    answer = await process.client.get(f"/dlq{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_letter")


async def test_a_topic_that_holds_no_letters_is_refused(world: World) -> None:
    process = await world.start()
    for answer in (
        await process.client.get("/dlq", params={"topic": JOB_EVENTS}),
        await process.client.post("/dlq/drop", json={"topic": JOB_EVENTS}),
    ):
        assert answer.status_code == 422
    assert (await process.client.get("/dlq", params={"since": "soon"})).status_code == 400


async def test_letters_that_come_are_counted(world: World) -> None:
    process = await world.start()
    await listed(process)  # the first look: what was there before is not counted
    await junk(world)
    await listed(process)

    def value(name: str, page: str) -> str:
        found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
        assert found, name
        return found[1]

    page = (await process.client.get("/metrics")).text
    labels = f'{{reason="unreadable_record",topic="{SCRAPE_DLQ}"}}'
    assert value(f"scraper_dead_letters_total{labels}", page) == "1.0"
    assert value(f'scraper_dead_letters_open{{topic="{SCRAPE_DLQ}"}}', page) == "1.0"
