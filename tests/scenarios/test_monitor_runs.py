"""A place is watched: each run finds what is new, and a killed orchestrator doubles none.

Junk among the monitor's events becomes a dead letter, and stops nobody.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from streams.adapters.kafka_writer import open_writer
from streams.ports import NewRecord
from streams.settings import Settings
from streams.topics import MONITOR_EVENTS
from tests.support.system import System, eventually

REVIEWS = 15


def test_a_monitor_runs_on_over_a_killed_orchestrator(system: System) -> None:
    made = system.call(
        "POST",
        "/monitors",
        json={"url": system.place(REVIEWS, seed=78), "every": "4s", "full_every": 0},
    )
    assert made.status_code == 201, made.text
    path = f"/monitors/{made.json()['monitor_id']}"

    def jobs() -> list[dict[str, Any]]:
        """Its runs, oldest first."""
        answer = system.call("GET", f"{path}/jobs")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["jobs"]
        return found[::-1]

    def completed(count: int) -> list[dict[str, Any]]:
        found = jobs()[:count]
        has_all = len(found) == count and all(job["status"] == "completed" for job in found)
        return found if has_all else []

    monitor_id = made.json()["monitor_id"]
    settings = replace(Settings(), kafka_url=system.addresses()["kafka"])
    junk = asyncio.run(written(settings, monitor_id, b"junk of a stranger"))

    [first] = eventually(lambda: completed(1), within_s=60, what="the end of the first run")
    assert first["reviews_count"] == REVIEWS
    assert "known_ids" not in first["options"]
    old_pid = system.kill("orchestrator")
    _, second = eventually(lambda: completed(2), within_s=60, what="the end of the second run")
    assert (second["outcome"], second["reviews_count"]) == ("completed", 0)
    assert len(second["options"]["known_ids"].split(",")) == REVIEWS
    system.restarted("orchestrator", old_pid)

    def letters() -> list[dict[str, Any]]:
        found = system.call("GET", "/dlq?topic=scrape-dlq").json()["letters"]
        return [each for each in found if each["original"] == junk]

    [letter] = eventually(letters, within_s=30, what="the dead letter")
    assert letter["error"] == "unreadable_record"
    shown = system.call("GET", f"/dlq/{letter['id']}").json()
    assert shown["text"] == "junk of a stranger"

    paused = system.call("PATCH", path, json={"paused": True}).json()
    assert (paused["status"], paused["next_run_at"]) == ("paused", None)

    def has_come_to_rest() -> bool:
        has_ended = all(job["completed_at"] for job in jobs())
        return has_ended and system.call("GET", path).json()["runs_count"] == len(jobs())

    eventually(has_come_to_rest, within_s=60, what="as many jobs as runs, all ended")
    for job in jobs():
        requests = [one for one in system.events(job["job_id"]) if one["type"] == "ScrapeRequested"]
        assert [one["author"] for one in requests] == ["orchestrator"]
        system.check_nothing_doubled(job["job_id"])
    assert system.call("DELETE", path).status_code == 204


async def written(settings: Settings, key: str, value: bytes) -> str:
    """Append a record of nobody's; its place, as dead letters name it."""
    async with open_writer(settings, "stranger") as writer:
        record = NewRecord(topic=MONITOR_EVENTS, key=key.encode(), value=value)
        [position] = await writer.send([record])
    return f"{MONITOR_EVENTS}/{position.partition}/{position.offset}"
