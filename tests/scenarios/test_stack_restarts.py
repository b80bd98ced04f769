"""The whole stack stops and starts again on its directory: everything is there."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scrapestream.cli.address import find_settings
from scrapestream.wiring import open_log
from streams.domain.erasure import Erasures
from streams.domain.ids import JobId
from streams.ports import RawRecord
from streams.settings import Settings
from tests.streams.test_encrypting import raws_of
from tests.support.system import COMMAND, System, eventually, running

TOKEN = "the-token-of-the-operator"


@pytest.mark.timeout(300)
def test_old_jobs_their_events_and_reviews_are_there(own_dir: Path) -> None:
    files = own_dir.parent / "results"
    system = System(
        own_dir,
        ["--demo", "--port", "0", "--slots", "1"],
        {
            "SCRAPESTREAM_RESULTS_URL": files.as_uri(),
            "SCRAPESTREAM_RESULTS_DAYS": "30",
            "SCRAPESTREAM_ENCRYPT_PERSONAL": "true",
            "SCRAPESTREAM_ERASURES_TOKEN": TOKEN,
        },
    )
    with running(system):
        job_id = system.submit(system.place(30))
        system.ended(job_id)
        before = system.until(job_id, lambda job: job["results"] is not None)
        packed = check_file(system, before, files)
        reviews, events = system.reviews(job_id), system.events(job_id)
        check_second_up_is_refused(own_dir)
        waiting = system.submit(system.place(2_000, latency_ms=100))
        system.until(waiting, lambda job: job["reviews_count"] > 0)
    with running(system):
        after = system.job(job_id)
        # The port of the API may be another one after a restart, so links may differ.
        assert without_links(after) == without_links(before)
        assert check_file(system, after, files) == packed
        assert system.reviews(job_id) == reviews
        assert system.events(job_id) == events
        # A job that was running goes on by itself.
        went_on = system.until(waiting, lambda job: job["attempt"] >= 2, within_s=40)
        assert went_on["reviews_count"] > 0
        system.call("DELETE", f"/jobs/{waiting}")
        assert system.ended(waiting)["status"] == "cancelled"
        new = system.submit(system.place(5))
        assert system.ended(new)["status"] == "completed"
        check_log_is_noise_once_forgotten(system, job_id, reviews[0])


def without_links(job: dict[str, Any]) -> dict[str, Any]:
    return job | {"reviews_url": "", "results": job["results"] | {"url": ""}}


def check_file(system: System, job: dict[str, Any], directory: Path) -> bytes:
    """The file lies where it should, and the API hands it on; its bytes."""
    lies = [path for path in directory.rglob("*") if path.is_file()]
    day = datetime.fromisoformat(job["completed_at"]).strftime("%Y/%m/%d")
    assert lies == [directory / f"{day}/{job['job_id']}.json.gz"]
    packed = lies[0].read_bytes()
    answer = system.call("GET", f"/jobs/{job['job_id']}/file")
    assert (answer.status_code, answer.content) == (200, packed)
    assert json.loads(gzip.decompress(packed))["reviews"] == system.reviews(job["job_id"])
    assert job["results"]["sha256"] == hashlib.sha256(packed).hexdigest()
    return packed


def check_log_is_noise_once_forgotten(system: System, job_id: str, review: dict[str, Any]) -> None:
    """The API has told the reviews in clear; the log has them encrypted, until nobody has a key."""
    settings = find_settings(system.data_dir)
    raws = asyncio.run(raws_of(settings, JobId(job_id)))
    log = b"".join(raw.value or b"" for raw in raws)
    assert review["review_id"].encode() in log
    for field in ("author_name", "author_id", "text"):
        assert len(review[field]) > 3
        assert review[field].encode() not in log
    assert asyncio.run(readable(settings, raws)) == len(raws)
    forget(system, job_id)
    assert system.reviews(job_id) == []
    assert asyncio.run(raws_of(settings, JobId(job_id))) == raws, "the log is never changed"
    assert asyncio.run(readable(settings, raws)) == 0


def forget(system: System, job_id: str) -> None:
    """Over HTTP, until it is proved."""
    shown = {"Authorization": f"Bearer {TOKEN}"}
    asked = system.call("POST", "/erasures", json={"job": job_id}, headers=shown)
    assert asked.status_code == 202, asked.text
    path = f"/erasures/{asked.json()['erasure_id']}"

    def find() -> dict[str, Any] | None:
        found: dict[str, Any] = system.call("GET", path, headers=shown).json()
        return None if found["status"] == "running" else found

    done = eventually(find, within_s=60, what="the end of the erasure")
    assert done["status"] == "completed", done
    assert done["removed"]["result files"] == 1


async def readable(settings: Settings, raws: Sequence[RawRecord]) -> int:
    """How many records one reads with every key that there is, who knows of no erasure."""
    async with open_log(settings, "test") as log:
        log.records.erasures = Erasures()
        await log.records.learn(raws)
        return sum(bool(log.records.read_item(raw).fields) for raw in raws)


def check_second_up_is_refused(directory: Path) -> None:
    """One clear message, exit code 6, and the first stack is untouched."""
    second = subprocess.run(
        [*COMMAND, "up", "--data-dir", str(directory), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 6
    assert str(directory) in second.stderr
