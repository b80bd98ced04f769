"""``/replays``: a replay is asked for, watched, and stopped; two never change the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from streams.domain.replays import (
    JobDrift,
    ReplayCompleted,
    ReplayEvent,
    ReplayFailed,
    ReplayProgressed,
    ReplayResult,
    ReplayStarted,
    ReplayStopped,
    new_replay_event,
)
from tests.api.world import NOBODY, Process, World


async def asked(process: Process, **body: Any) -> str:
    answer = await process.client.post("/replays", json=body)
    assert answer.status_code == 202, answer.text
    replay: dict[str, str] = answer.json()
    assert answer.headers["location"].endswith(f"/replays/{replay['replay_id']}")
    return replay["replay_id"]


async def shown(process: Process, replay_id: str) -> dict[str, Any]:
    answer = await process.client.get(f"/replays/{replay_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def happened(world: World, replay_id: str, *events: ReplayEvent) -> None:
    """What the materializer records."""
    for event in events:
        await world.log.append_replay(new_replay_event(replay_id, event, datetime.now(UTC)))


async def test_a_replay_is_watched_from_its_request_to_its_end(world: World) -> None:
    process, other = await world.start(), await world.start()
    body = {"projections": ["jobs"], "from": "2026-11-22T10:00:00Z", "job_ids": ["a"]}
    replay_id = await asked(process, **body)
    waiting = await shown(other, replay_id)
    assert (waiting["status"], waiting["progress"]) == ("waiting", None)
    assert {name: waiting[name] for name in body} == body

    half = ReplayProgressed(
        attempt=1,
        phase="reading",
        projection="jobs",
        records_done=5,
        records_total=10,
        records_per_second=2.5,
    )
    await happened(world, replay_id, ReplayStarted(attempt=1, runner="m"), half)
    running = await shown(other, replay_id)
    assert running["status"] == "running"
    assert (running["progress"]["records_done"], running["progress"]["records_total"]) == (5, 10)

    drift = [JobDrift(job_id="a", missing=1, surplus=0)]
    result = ReplayResult(target="jobs", records=10, seconds=1.5, drift_jobs=1, drift=drift)
    await happened(world, replay_id, ReplayCompleted(attempt=1, results=[result]))
    done = await shown(process, replay_id)
    assert (done["status"], done["progress"]) == ("completed", None)
    assert done["results"][0]["drift"] == [{"job_id": "a", "missing": 1, "surplus": 0}]


async def test_a_second_one_that_changes_the_same_is_refused_until_the_first_has_ended(
    world: World,
) -> None:
    process, other = await world.start(), await world.start()
    first = await asked(process, projections=["jobs", "items"])
    await asked(other, projections=["job_events"])
    await asked(other, projections=["jobs"], dry_run=True)
    await asked(other, into_topic="study")
    for body in ({"projections": ["items"]}, {}, {"into_topic": "study"}):
        refused = await other.client.post("/replays", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "replay_running"), body
    await happened(
        world, first, ReplayStarted(attempt=1, runner="m"), ReplayFailed(attempt=1, reason="away")
    )
    assert (await shown(process, first))["reason"] == "away"
    await asked(other, projections=["items"])


async def test_a_replay_is_stopped_once(world: World) -> None:
    process = await world.start()
    replay_id = await asked(process)
    answer = await process.client.delete(f"/replays/{replay_id}")
    assert (answer.status_code, answer.json()["stopping"]) == (202, True)
    await happened(world, replay_id, ReplayStopped(attempt=0))
    answer = await process.client.delete(f"/replays/{replay_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "stopped")
    listed = (await process.client.get("/replays")).json()
    assert (listed["total"], listed["replays"][0]["replay_id"]) == (1, replay_id)


async def test_the_newest_replay_is_listed_first(world: World) -> None:
    process = await world.start()
    ids = [await asked(process, dry_run=True) for _ in range(3)]
    listed = (await process.client.get("/replays", params={"limit": 2})).json()
    assert [each["replay_id"] for each in listed["replays"]] == ids[:0:-1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"projections": ["job"]}, "projections"),
        ({"since": "2026-11-22T10:00:00Z"}, "`from`"),
        ({"from": "2026-11-22T10:00:00"}, "$.from"),
        ({"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T10:00:00Z"}, "empty"),
        ({"into_topic": "job-events"}, "fresh"),
        ({"into_topic": "a b"}, "letters"),
        ({"into_topic": "study", "speed": "fast"}, "10x"),
        ({"into_topic": "study", "dry_run": True}, "leave out"),
        ({"speed": "1x"}, "into_topic"),
        ({"job_ids": ["x"] * 1_001}, "job_ids"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_advice(
    world: World, body: dict[str, Any], told: str
) -> None:
    process = await world.start()
    answer = await process.client.post("/replays", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert told in answer.json()["detail"]
    assert (await process.client.get("/replays")).json()["total"] == 0


async def test_an_unknown_replay_is_not_found(world: World) -> None:
    process = await world.start()
    for method in ("GET", "DELETE"):
        answer = await process.client.request(method, f"/replays/{NOBODY}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_replay")
