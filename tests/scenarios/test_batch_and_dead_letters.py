"""30 jobs in one call are counted, streamed and listed; one more batch is cancelled; junk in the
log becomes a dead letter that an operator sees and drops.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2

from streams.adapters.kafka_writer import open_writer
from streams.ports import NewRecord
from streams.settings import Settings
from streams.topics import JOB_EVENTS
from tests.support.system import COMMAND, System, eventually

JOBS = 30


def test_a_batch_is_counted_until_all_its_jobs_have_ended(system: System, tmp_path: Path) -> None:
    file = tmp_path / "night.jsonl"
    requests = [{"url": system.place(1), "metadata": {"n": str(n)}} for n in range(JOBS)]
    requests.insert(7, {"url": "https://example.com/"})
    file.write_text("\n".join(map(json.dumps, requests)))
    answer = submitted(system, file)
    assert (answer["accepted"], answer["refused"], answer["job_ids"][7]) == (JOBS, 1, None)
    path = f"/batches/{answer['batch_id']}"
    assert system.call("GET", path).json()["total"] == JOBS

    told = messages(system, f"{path}/stream")
    assert told[-1]["status"] == "ended"
    assert told[-1]["counts"]["completed"] == JOBS
    assert [message["progress"] for message in told] == sorted(each["progress"] for each in told)
    assert system.call("GET", path).json()["counts"] == told[-1]["counts"]
    eventually(
        lambda: stored_count(system, answer["batch_id"]) == JOBS,
        within_s=30,
        what="the whole batch in the store",
    )
    assert system.call("GET", path).json()["counts"] == told[-1]["counts"]
    listed = system.call("GET", f"{path}/jobs?limit=100&status=completed").json()["jobs"]
    assert {job["job_id"] for job in listed} == set(answer["job_ids"]) - {None}

    again = submitted(system, file)  # the same key: the same jobs, and no others
    assert again["job_ids"] == answer["job_ids"]
    assert system.call("GET", path).json()["total"] == JOBS


def test_a_batch_is_cancelled_as_one(system: System) -> None:
    requests = [{"url": system.place(2_000, latency_ms=200)} for _ in range(10)]
    answer = system.call("POST", "/jobs/batch", json=requests).json()
    done = command(system, "batch", "cancel", answer["batch_id"])
    assert done["cancel_requested"] == 10
    told = messages(system, f"/batches/{answer['batch_id']}/stream")
    assert told[-1]["counts"]["cancelled"] == 10


def test_junk_in_the_log_is_a_dead_letter_until_it_is_dropped(system: System) -> None:
    settings = replace(Settings(), kafka_url=system.addresses()["kafka"])
    partition, offset = asyncio.run(written(settings, b"junk of a stranger"))

    def find() -> dict[str, Any] | None:
        letters = system.call("GET", "/dlq?topic=scrape-dlq").json()["letters"]
        wanted = f"{JOB_EVENTS}/{partition}/{offset}"
        return next((each for each in letters if each["original"] == wanted), None)

    letter = eventually(find, within_s=30, what="the dead letter")
    assert letter["error"] == "unreadable_record"
    shown = command(system, "dlq", "show", letter["id"])
    assert shown["text"] == "junk of a stranger"
    done = command(system, "dlq", "drop", letter["id"])
    assert done["results"] == [{"id": letter["id"], "result": "dropped"}]
    assert find() is None
    # Nobody was stopped by it.
    assert system.ended(system.submit(system.place(1)))["status"] == "completed"


async def written(settings: Settings, value: bytes) -> tuple[int, int]:
    async with open_writer(settings, "it-stranger") as writer:
        [at] = await writer.send([NewRecord(topic=JOB_EVENTS, key=b"stranger", value=value)])
    return at.partition, at.offset


def submitted(system: System, file: Path) -> dict[str, Any]:
    """``batch submit`` with a key; a request in it is refused, so its exit code is 2."""
    return command(system, "batch", "submit", str(file), "--key", file.parent.name, code=2)


def command(system: System, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What the command prints for programs."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--json", "--data-dir", str(system.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def messages(system: System, path: str) -> list[dict[str, Any]]:
    """Every message of a stream, to its end."""
    url = f"{system.addresses()['api']}{path}"
    with httpx2.Client(timeout=120) as client, client.stream("GET", url) as answer:
        return [
            json.loads(line.removeprefix("data: "))
            for line in answer.iter_lines()
            if line.startswith("data: ")
        ]


def stored_count(system: System, batch_id: str) -> int:
    statement = (
        f"SELECT count() FROM jobs_v1 FINAL WHERE batch_id = '{batch_id}' AND status = 'completed'"
    )
    return int(system.rows(statement)[0][0])
