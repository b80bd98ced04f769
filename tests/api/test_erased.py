"""What the API tells of a job that must be forgotten: that it was, and nothing of it."""

from __future__ import annotations

from dataclasses import replace

from api.app import ApiParts
from api.erased_store import ErasedStore
from streams.domain.erasure import ErasureRequested, Erasures, Subject, subject_hash
from streams.domain.ids import JobId
from tests.api.job_events import completed, described, progress, review, started
from tests.api.world import World

PATHS = ("", "/events", "/reviews", "/reviews?format=csv", "/diff?from=1", "?at=4")
TITLE = "Café Central"


async def test_a_job_is_forgotten_in_memory_and_store_before_the_store_is_emptied(
    world: World,
) -> None:
    erasures = Erasures()

    def forgetting(parts: ApiParts) -> ApiParts:
        return replace(parts, store=ErasedStore(parts.store, erasures), erasures=erasures)

    process = await world.start(change=forgetting)
    job_id = await process.submit(metadata={"of": "somebody"})
    kept = await process.submit()
    for each in (job_id, kept):
        span = await world.put_items(each, 2)
        await world.append(each, *started(), described(2), progress(2, items=span))
        await world.append(each, *completed(2, span))
    await process.is_caught_up()

    async def told(of: str) -> str:
        answers = [await process.client.get(f"/jobs/{of}{path}") for path in PATHS]
        assert all(answer.status_code == 200 for answer in answers), answers
        return "".join(answer.text for answer in answers)

    before = await told(job_id)
    words = (TITLE, "/maps/place/", "somebody", "Über 1")
    for word in words:
        assert word in before

    asked = ErasureRequested(
        erasure_id="e",
        subject=Subject.JOB,
        subject_hash=subject_hash(Subject.JOB, job_id),
        job_ids=(job_id,),
    )
    erasures.add(asked)
    process.live.memory.erase(asked.job_ids, erasures)
    after = await told(job_id)
    for word in words:
        assert word not in after
    assert TITLE in await told(kept)
    assert "Über 1" in await told(kept)

    store = ErasedStore(world.store, erasures)
    for of, count in ((job_id, 0), (kept, 2)):
        packed = await store.read_packed_items(JobId(of), after=None, limit=10)
        assert sum(map(len, packed.parts())) == count


async def test_a_file_announces_what_is_shown_while_an_author_is_being_forgotten(
    world: World,
) -> None:
    erasures = Erasures()
    process = await world.start(
        change=lambda parts: replace(
            parts, store=ErasedStore(parts.store, erasures), erasures=erasures
        )
    )
    job_id = await process.submit()
    span = await world.put_items(job_id, 2)
    by = "author-1"
    theirs = review(job_id, 3)
    theirs = replace(theirs, fields={**theirs.fields, "author_id": by})
    [position] = await world.log.append_items([theirs])
    span = replace(span, end=position.offset + 1)
    await world.append(job_id, *started(), described(3), progress(3, items=span))
    await world.append(job_id, *completed(3, span))
    await process.is_caught_up()

    async def lines() -> int:
        answer = await process.client.get(f"/jobs/{job_id}/reviews?format=jsonl")
        assert answer.status_code == 200
        return len(answer.text.splitlines())

    assert await lines() == 3
    erasures.add(
        ErasureRequested(
            erasure_id="e",
            subject=Subject.AUTHOR,
            subject_hash=subject_hash(Subject.AUTHOR, by),
            job_ids=(),
        )
    )
    assert await lines() == 2
