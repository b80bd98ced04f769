"""``GET /jobs/{id}/file`` and what ``GET /jobs/{id}`` says of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from obstore.store import MemoryStore

from api.app import ApiParts
from api.routes.files import NoResultsFileError, ResultsGoneError, file_of
from streams.adapters.blobs import Blobs
from streams.domain.events import ResultsStored
from streams.domain.ids import JobId
from streams.domain.recorded import new_event
from streams.errors import ResultsUnavailableError
from streams.results import ResultsWriter
from tests.api.test_reviews_resource import finished
from tests.api.world import NOBODY, Process, World, eventually
from tests.domain.test_job_story import ASKED, FIRST_TRY, TAKEN
from tests.domain.test_results import DONE, FAILED, STORED
from tests.support.given import START, job_after

LINK = "https://bucket.example.com/2026/a%20b.json.gz?X-Amz-Signature=0%2F1"


class Files(Blobs):
    """In memory; with links, or away, as a test wants."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.link: str | None = None
        self.away = False

    async def make_link(self, key: str) -> str | None:
        return self.link

    async def find_size(self, key: str) -> int | None:
        if self.away:
            raise ResultsUnavailableError("the storage of results did not answer")
        return await super().find_size(key)


@dataclass
class Stage:
    world: World
    process: Process
    files: Files

    async def stored(self, job_id: JobId) -> ResultsStored:
        """Play the agent."""
        job = await self.world.store.find_job(job_id)
        assert job is not None
        fact = await ResultsWriter(self.world.store, self.files).write(job)
        await self.world.log.append([new_event(job_id, "public", fact, datetime.now(UTC))])
        await self.process.is_caught_up()
        return fact


async def opened(world: World, days: int = 0) -> Stage:
    files = Files()

    def with_files(parts: ApiParts) -> ApiParts:
        return replace(parts, files=files)

    process = await world.start(change=with_files, results_url="s3://bucket", results_days=days)
    return Stage(world, process, files)


@pytest.fixture
async def stage(world: World) -> Stage:
    return await opened(world)


async def test_the_job_tells_of_its_file_once_it_is_stored(stage: Stage) -> None:
    job_id = await finished(stage.world, stage.process, 7)
    before = await stage.process.client.get(f"/jobs/{job_id}")
    assert before.json()["results"] is None
    fact = await stage.stored(job_id)
    after = await stage.process.client.get(
        f"/jobs/{job_id}", headers={"If-None-Match": before.headers["etag"]}
    )
    assert after.status_code == 200  # the tag has changed with it
    told = after.json()["results"]
    assert told.pop("stored_at")
    assert told == {
        "url": f"{stage.process.base_url}/jobs/{job_id}/file",
        "format": "json.gz",
        "size_bytes": fact.size_bytes,
        "rows": 7,
        "sha256": fact.sha256,
        "expires_at": None,
    }
    assert after.json()["status"] == "completed"
    events = (await stage.process.client.get(f"/jobs/{job_id}/events")).json()["events"]
    assert (events[-1]["type"], events[-1]["author"]) == ("ResultsStored", "materializer")


async def test_the_api_hands_on_what_has_no_link(stage: Stage) -> None:
    job_id = await finished(stage.world, stage.process, 7)
    fact = await stage.stored(job_id)
    answer = await stage.process.client.get(f"/jobs/{job_id}/file")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.headers["content-length"] == str(fact.size_bytes)
    assert answer.headers["x-total-count"] == "7"
    assert f'filename="reviews-{job_id}.json.gz"' in answer.headers["content-disposition"]
    assert "content-encoding" not in answer.headers
    reviews = await stage.process.client.get(f"/jobs/{job_id}/reviews")
    assert gzip.decompress(answer.content) == reviews.content
    head = await stage.process.client.head(f"/jobs/{job_id}/file")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(fact.size_bytes)
    known = {"If-None-Match": answer.headers["etag"]}
    again = await stage.process.client.get(f"/jobs/{job_id}/file", headers=known)
    assert (again.status_code, again.content) == (304, b"")


async def test_a_file_that_was_written_anew_is_handed_on_as_it_is(stage: Stage) -> None:
    job_id = await finished(stage.world, stage.process, 2)
    fact = await stage.stored(job_id)

    async def less() -> AsyncIterator[bytes]:
        yield gzip.compress(json.dumps({"reviews": []}).encode())

    await stage.files.put(fact.key, less())
    answer = await stage.process.client.get(f"/jobs/{job_id}/file")
    assert json.loads(gzip.decompress(answer.content)) == {"reviews": []}
    assert "etag" not in answer.headers


async def test_a_memory_that_missed_the_fact_hides_no_file(stage: Stage) -> None:
    job_id = await finished(stage.world, stage.process, 2)
    memory = stage.process.live.memory
    before = stage.process.live.find(job_id)
    await stage.stored(job_id)
    assert before is not None
    assert before.results is None
    memory.put(before, memory_from=before.offset + 1)  # as when the store was asked too early
    assert (await stage.process.read(job_id))["results"] is None
    assert (await stage.process.client.get(f"/jobs/{job_id}/file")).status_code == 200


async def test_a_link_is_made_for_each_request_and_kept_by_nobody(stage: Stage) -> None:
    job_id = await finished(stage.world, stage.process, 2)
    await stage.stored(job_id)
    stage.files.link = LINK
    answer = await stage.process.client.get(f"/jobs/{job_id}/file")
    assert (answer.status_code, answer.headers["location"]) == (307, LINK)
    assert "no-store" in answer.headers["cache-control"]


async def test_what_was_deleted_is_gone_and_the_reviews_are_not(world: World) -> None:
    stage = await opened(world, days=100_000)
    job_id = await finished(world, stage.process, 2)
    fact = await stage.stored(job_id)
    told = (await stage.process.read(job_id))["results"]
    assert isinstance(told, dict)
    end = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(days=100_001)
    assert told["expires_at"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    await stage.files.delete([fact.key])
    answer = await stage.process.client.get(f"/jobs/{job_id}/file")
    assert (answer.status_code, answer.json()["code"]) == (410, "results.gone")
    assert (await stage.process.client.get(f"/jobs/{job_id}/reviews")).status_code == 200


def test_a_file_is_gone_when_its_time_is_over_though_it_may_still_stand() -> None:
    job = job_after(ASKED, FIRST_TRY, TAKEN, DONE, STORED)
    end = datetime(2026, 11, 24, tzinfo=UTC)
    assert file_of(job, end, 0) == file_of(job, end - timedelta(seconds=1), 1) == job.results
    with pytest.raises(ResultsGoneError, match="until 2026-11-24"):
        file_of(job, end, 1)


def test_a_file_that_may_come_is_told_apart_from_one_that_will_not() -> None:
    ended = job_after(ASKED, FIRST_TRY, TAKEN, DONE)
    with pytest.raises(ResultsUnavailableError, match="not stored yet"):
        file_of(ended, START + timedelta(hours=1), 0)
    never = (
        (ended, timedelta(days=2)),
        (job_after(ASKED, FIRST_TRY, TAKEN, FAILED), timedelta(hours=1)),
        (job_after(ASKED, FIRST_TRY, TAKEN), timedelta(hours=1)),
    )
    for job, later in never:
        with pytest.raises(NoResultsFileError):
            file_of(job, START + later, 0)


async def test_a_file_that_is_not_there_is_a_problem_of_its_own(stage: Stage) -> None:
    running = await stage.process.submit()
    ended = await finished(stage.world, stage.process, 1)
    off = await stage.world.start()
    codes = []
    for process, job_id in ((stage.process, NOBODY), (stage.process, running), (off, ended)):
        answer = await process.client.get(f"/jobs/{job_id}/file")
        codes.append((answer.status_code, answer.json()["code"]))
    assert codes == [(404, "unknown_job"), (404, "results.none"), (404, "results.none")]


async def test_a_storage_that_is_away_is_told_and_does_no_other_harm(stage: Stage) -> None:
    job_id = await finished(stage.world, stage.process, 1)
    await stage.stored(job_id)
    stage.files.away = True
    answer = await stage.process.client.get(f"/jobs/{job_id}/file")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert (await stage.process.client.get(f"/jobs/{job_id}/reviews")).status_code == 200
    assert (await stage.process.read(job_id))["results"] is not None


async def test_the_process_is_ready_without_the_storage_and_says_that_it_is_away(
    world: World,
) -> None:
    async def away() -> None:
        raise ResultsUnavailableError("the storage of results did not answer")

    def with_check(parts: ApiParts) -> ApiParts:
        return replace(parts, checks={**parts.checks, "results": away})

    process = await world.start(change=with_check)
    health = process.app.state.api.health
    await eventually(lambda: health.is_away("results"))
    assert (await process.client.get("/health/ready")).status_code == 200
    detailed = (await process.client.get("/health/detailed")).json()
    assert detailed["status"] == "degraded"
    assert detailed["dependencies"]["results"]["error"]
