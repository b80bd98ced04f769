"""Programs of others read our topics: the examples, run against the real broker and registry."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from embedded.jars import fetch_jars
from scrapestream.wiring import open_log
from streams.adapters.kafka_reader import open_reader
from streams.domain.ids import JobId, new_job_id
from streams.settings import Settings
from tests.streams.test_materializer import items_of, story

EXAMPLES = Path(__file__).parents[2] / "examples"
WITHIN_S = 60


@pytest.fixture(scope="module")
def written(parts: Settings) -> tuple[JobId, int]:
    """A job in the log, and how many records `job-events` has."""
    job_id = new_job_id()
    events = story(job_id, progress=3)

    async def write() -> int:
        async with open_log(parts, "test") as log:
            await log.event_log.append(events)
            await log.event_log.append_items(items_of(job_id, 5))
        return await records_in(parts, "job-events")

    return job_id, asyncio.run(write())


async def records_in(parts: Settings, topic: str) -> int:
    async with open_reader(parts, "test") as reader:
        starts, ends = await reader.starts(topic), await reader.ends(topic)
    return sum(ends.values()) - sum(starts.values())


def output_of(command: Sequence[str], cwd: Path | None = None) -> list[str]:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def types_of(parts: Settings, job_id: JobId) -> list[str]:
    """What the job's records must be, in their order."""
    return [type(new.event).__name__ for new in story(job_id, progress=3)]


def test_python_reads_every_record_with_confluents_deserializer(
    parts: Settings, written: tuple[JobId, int]
) -> None:
    job_id, count = written
    lines = output_of(
        [
            *(sys.executable, str(EXAMPLES / "consume.py"), "--max", str(count)),
            *("--brokers", ",".join(parts.brokers()), "--registry", parts.registry_url),
        ]
    )
    records = [json.loads(line) for line in lines]
    ours = [record for record in records if record["key"] == job_id]
    assert [record["type"].rpartition(".")[2] for record in ours] == types_of(parts, job_id)
    assert len({record["id"] for record in ours}) == len(ours)
    assert ours[0]["value"]["kind"] == "google_reviews"
    assert [record["value"]["items_seen"] for record in ours[3:6]] == [0, 1, 2]
    at = datetime.fromisoformat(ours[0]["value"]["occurred_at"])
    assert abs((datetime.now(UTC) - at).total_seconds()) < 3600


def test_java_reads_every_record_with_the_client_and_avro_alone(
    parts: Settings, written: tuple[JobId, int]
) -> None:
    job_id, count = written
    jars = fetch_jars()
    avro = next((jars.registry / "lib").glob("org.apache.avro.avro-1*.jar"))
    lines = output_of(
        [
            *("java", "-cp", f"{jars.kafka}/*:{avro}", str(EXAMPLES / "Consume.java")),
            *(",".join(parts.brokers()), parts.registry_url, "job-events", str(count)),
        ]
    )
    records = [line.split("\t") for line in lines if line.count("\t") == 2]
    ours = [(name, json.loads(value)) for key, name, value in records if key == job_id]
    assert [name for name, _ in ours] == types_of(parts, job_id)
    assert [value["items_seen"] for _, value in ours[3:6]] == [0, 1, 2]


def node_packages() -> Path | None:
    """A directory under which Node finds the example's packages."""
    if shutil.which("node") is None:
        return None
    script = "require('kafkajs'); require('@kafkajs/confluent-schema-registry')"
    done = subprocess.run(
        ["node", "-e", script], capture_output=True, cwd=EXAMPLES, timeout=WITHIN_S, check=False
    )
    return None if done.returncode else EXAMPLES


def test_node_reads_every_record(parts: Settings, written: tuple[JobId, int]) -> None:
    directory = node_packages()
    if directory is None:
        pytest.skip("no kafkajs here: npm install --prefix examples, see examples/consume.mjs")
    job_id, count = written
    lines = output_of(
        [
            *("node", str(EXAMPLES / "consume.mjs"), ",".join(parts.brokers())),
            *(parts.registry_url, "job-events", str(count)),
        ],
        cwd=directory,
    )
    ours = [record for record in map(json.loads, lines) if record["key"] == job_id]
    assert [record["type"].rpartition(".")[2] for record in ours] == types_of(parts, job_id)
    assert [int(record["value"]["items_seen"]) for record in ours[3:6]] == [0, 1, 2]


def test_clickhouse_decodes_the_records_by_the_registry(
    parts: Settings, written: tuple[JobId, int]
) -> None:
    job_id, _ = written
    query = (
        "SELECT job_id, count() AS n, max(position) AS last FROM records "
        f"WHERE job_id = '{job_id}' GROUP BY job_id"
    )
    lines = output_of(
        [
            *(sys.executable, str(EXAMPLES / "query_records.py"), "--query", query),
            *("--columns", "job_id String, review_id String, position Nullable(Int64)"),
            *("--brokers", ",".join(parts.brokers()), "--registry", parts.registry_url),
        ]
    )
    answer = [json.loads(line) for line in lines if line]
    assert [(row["job_id"], int(row["n"]), int(row["last"])) for row in answer] == [(job_id, 5, 5)]


def environment(parts: Settings) -> dict[str, str]:
    """Of a process that finds the parts."""
    return {
        **os.environ,
        "SCRAPESTREAM_KAFKA_URL": parts.kafka_url,
        "SCRAPESTREAM_REGISTRY_URL": parts.registry_url,
    }


def tail(parts: Settings, *arguments: str) -> list[str]:
    """Run the verb in a process of its own, as people do."""
    done = subprocess.run(
        [sys.executable, "-m", "scrapestream", "tail", *arguments],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        env=environment(parts),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_tail_prints_decoded_records_from_the_beginning(
    parts: Settings, written: tuple[JobId, int]
) -> None:
    job_id, count = written
    lines = tail(parts, "job-events", "--json", "--from-beginning", "--max", str(count))
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    ours = [record for record in records if record["key"] == job_id]
    assert [record["type"] for record in ours] == types_of(parts, job_id)
    assert ours[0]["headers"]["ce_type"] == "scrapestream.job.ScrapeRequested"
    assert ours[0]["value"]["webhook"]["secret"] == "sealed"  # as it is in Kafka
    assert ours[0]["topic"] == "job-events"
    plain = tail(parts, "scraped-items", "--from-beginning", "--max", "1")
    assert "GoogleReview" in plain[0]


async def test_tail_prints_what_comes_after_its_start(parts: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scrapestream", "tail", "job-events", "--json", "--max", "7"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(parts),
    )
    assert process.stderr is not None
    async with asyncio.timeout(WITHIN_S):
        while b"reading job-events from now on" not in await process.stderr.readline():
            assert process.returncode is None
        job_id = new_job_id()
        async with open_log(parts, "test") as log:
            await log.event_log.append(story(job_id, progress=3))
        output, _ = await process.communicate()
    records = [json.loads(line) for line in output.splitlines()]
    assert {record["key"] for record in records} == {job_id}
    assert [record["type"] for record in records] == types_of(parts, job_id)
