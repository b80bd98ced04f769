"""The store is held against the log: what is missing is found, and mended by a replay."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from scrapestream.wiring import open_log
from streams.adapters.kafka_reader import open_reader
from streams.ports import NewRecord, RawRecord
from streams.settings import Settings
from streams.topics import SCRAPED_ITEMS
from tests.support.system import COMMAND, System, eventually


def test_a_lost_row_is_found_and_mended_from_the_log(system: System) -> None:
    job_id = system.submit(system.place(10), webhook_url=system.hook("audited"))
    system.ended(job_id)
    system.delivered("audited")
    asyncio.run(appended_again(system, job_id))
    found = audited(system, code=0)
    assert found["violations"] == []
    assert found["items"] >= 10

    with connected(system) as client:
        client.command(
            "ALTER TABLE job_events_v1 DELETE "
            f"WHERE job_id = '{job_id}' AND type = 'AttemptStarted'",
            settings={"mutations_sync": 2},
        )
    found = audited(system, code=1)
    assert [each["rule"] for each in found["violations"]] == ["event_lost"]

    told = said(system, "replay", "--projection", "job_events", "--compare", "--json", code=0)
    [replayed] = told["replays"]
    assert replayed["moved"]
    assert replayed["drift"] == [{"job_id": job_id, "missing": 1, "surplus": 0}]
    audited(system, code=0)
    assert "AttemptStarted" in {event["type"] for event in system.events(job_id)}
    replayed_from_far_away(system, job_id)


async def appended_again(system: System, job_id: str) -> None:
    """The job's items come twice, as of a worker that got no answer; the store keeps the later."""
    addresses = system.addresses()
    settings = Settings(kafka_url=addresses["kafka"], registry_url=addresses["registry"])
    [(partition, first)] = system.rows(
        f"SELECT any(partition), min(offset) FROM items WHERE job_id = '{job_id}'"
    )
    async with open_log(settings, "again") as parts, open_reader(settings, "again") as reader:
        end = (await reader.ends(SCRAPED_ITEMS))[partition]
        reader.assign({(SCRAPED_ITEMS, partition): first})
        found: list[RawRecord] = []
        while first + len(found) < end:
            found += await reader.read(timeout_s=1.0)
        mine = [raw for raw in found if raw.key == job_id.encode()]
        again = [
            NewRecord(topic=raw.topic, key=raw.key, value=raw.value, headers=raw.headers)
            for raw in mine
        ]
        await parts.event_log.put(again)
    query = f"SELECT min(offset) FROM items WHERE job_id = '{job_id}'"
    eventually(lambda: system.rows(query)[0][0] >= end, within_s=30, what="the later records")
    with connected(system) as client:
        client.command("OPTIMIZE TABLE items_v1 FINAL")  # as ClickHouse does sooner or later


def replayed_from_far_away(system: System, job_id: str) -> None:
    """The same over the API, while the one who does it is killed."""
    with connected(system) as client:
        client.command(
            f"DELETE FROM job_events_v1 WHERE job_id = '{job_id}' AND type = 'AttemptStarted'"
        )
    asked = {"projections": ["job_events"], "job_ids": [job_id]}
    answer = system.call("POST", "/replays", json=asked)
    assert answer.status_code == 202, answer.text
    path = f"/replays/{answer.json()['replay_id']}"
    eventually(
        lambda: system.call("GET", path).json()["attempt"] == 1, within_s=30, what="its beginning"
    )
    system.restarted("materializer", system.kill("materializer"))

    def ended() -> dict[str, Any] | None:
        replay: dict[str, Any] = system.call("GET", path).json()
        return None if replay["status"] in {"waiting", "running"} else replay

    replay = eventually(ended, within_s=60, what="the end of the replay")
    assert (replay["status"], replay["reason"]) == ("completed", None)
    assert "AttemptStarted" in {event["type"] for event in system.events(job_id)}
    audited(system, code=0)


def connected(system: System) -> Client:
    """To ClickHouse itself, as an operator is."""
    url = urlsplit(system.addresses()["clickhouse"])
    return clickhouse_connect.get_client(host=url.hostname, port=url.port)


def audited(system: System, *, code: int) -> dict[str, Any]:
    """What ``scrapestream audit`` finds."""
    return said(system, "audit", "--json", "--settled", "30", code=code)


def said(system: System, *arguments: str, code: int) -> dict[str, Any]:
    """The JSON that a verb prints, which ends with ``code``."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--data-dir", str(system.data_dir)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
