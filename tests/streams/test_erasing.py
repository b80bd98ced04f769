"""Forgetting on the real engine and broker: gone everywhere, proved, and not brought back."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from obstore.store import MemoryStore

from scrapestream.wiring import open_broker_view, open_log
from streams.adapters.blobs import Blobs
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import open_reader
from streams.audit import Audit
from streams.domain.erasure import ERASED_URL, Subject
from streams.domain.events import ScrapeCompleted, ScrapeRequested
from streams.domain.ids import JobId, new_job_id
from streams.domain.recorded import NewEvent
from streams.domain.webhook import DeliveryScheduled, RecordedDelivery, delivery_id_of
from streams.erasing import Erased, Eraser
from streams.erasure_plan import planned
from streams.erasure_search import found_in_tables
from streams.errors import InvalidRequestError, UnknownJobError
from streams.materializer import GROUP
from streams.personal_results import PersonalResults
from streams.projections import items, job_events, jobs
from streams.results import ResultsWriter
from streams.settings import Settings
from tests.streams.test_materializer import items_of, materializing, stored, story
from tests.streams.test_replay import drift_of, replayed

EVENTS = 5
FILES = Blobs(MemoryStore())
KEPT = "104857600000000000009"


def author_of(job_id: JobId) -> str:
    """An author of this job alone: 21 digits."""
    return f"1{int(job_id, 16) % 10**20:020d}"


def words_of(job_id: JobId) -> str:
    return f"Die Suppe von {job_id} war kalt."


async def scraped(settings: Settings, job_id: JobId, author: str) -> None:
    """A whole job with three reviews, the first of them by ``author``, and its webhook."""
    async with open_log(settings, "worker") as log:
        of_place = [_at_place(event, job_id) for event in story(job_id, EVENTS - 4)]
        reviews = [
            replace(
                item,
                fields={
                    **item.fields,
                    "author_id": author if number == 0 else KEPT,
                    "author_name": f"Name of {author}" if number == 0 else "Ada",
                    "text": words_of(job_id) if number == 0 else "Alles bestens.",
                },
            )
            for number, item in enumerate(items_of(job_id, 3))
        ]
        await log.event_log.append_items(reviews)
        await log.event_log.append_delivery(
            RecordedDelivery(
                delivery_id=delivery_id_of(job_id),
                job_id=job_id,
                tenant="public",
                event_id=f"d-{job_id}",
                occurred_at=datetime.now(UTC),
                event=DeliveryScheduled(
                    type="job.completed", url="https://h/", body=f'{{"url":"{place_of(job_id)}"}}'
                ),
            )
        )
        await log.event_log.append(of_place)


def _at_place(new: NewEvent, job_id: JobId) -> NewEvent:
    if isinstance(new.event, ScrapeRequested | ScrapeCompleted):
        return replace(new, event=replace(new.event, url=place_of(job_id)))
    return new


def place_of(job_id: JobId) -> str:
    return f"https://maps.test/place/{job_id}"


@asynccontextmanager
async def erasing(settings: Settings, clickhouse: ClickHouse) -> AsyncIterator[Eraser]:
    async with open_log(settings, "forget") as log, open_broker_view(settings, "forget") as broker:
        files = PersonalResults(ClickHouseStore(clickhouse), FILES)
        yield Eraser(clickhouse, broker, log.event_log, log.erasures, group=GROUP, files=[files])


async def forgotten(
    settings: Settings, clickhouse: ClickHouse, subject: Subject, text: str
) -> Erased:
    async with erasing(settings, clickhouse) as eraser:
        plan = await planned(clickhouse, subject, text)
        assert not plan.open_job_ids
        return await eraser.carry_out(await eraser.request(subject, text, plan.job_ids), text)


async def filed(clickhouse: ClickHouse, job_id: JobId) -> str:
    """Write the job's file of results; its key."""
    store = ClickHouseStore(clickhouse)
    job = await store.find_job(job_id)
    assert job is not None
    return (await ResultsWriter(store, FILES).write(job)).key


async def content(key: str) -> str:
    pieces = await FILES.read(key)
    assert pieces is not None
    return gzip.decompress(b"".join([piece async for piece in pieces])).decode()


async def texts(clickhouse: ClickHouse, job_id: JobId) -> list[str]:
    page = await ClickHouseStore(clickhouse).read_items(job_id, after=None, limit=10)
    return [str(item["text"]) for item in page.items]


@pytest.mark.timeout(170)
async def test_a_place_and_an_author_are_gone_everywhere_and_no_replay_brings_them_back(
    parts: Settings,
) -> None:
    place, other, again = new_job_id(), new_job_id(), new_job_id()
    author = author_of(other)
    needles = [place_of(place), author_of(place), words_of(place), author, words_of(other)]
    async with materializing(parts), open_clickhouse(parts) as clickhouse:
        for job_id in (place, other):
            await scraped(parts, job_id, author_of(job_id))
        await stored(clickhouse, [place, other], 2 * EVENTS)
        before = await found_in_tables(clickhouse, needles)
        for table in (items, jobs, job_events):
            assert before[table.projection.table], "nothing could be found that is gone later"
        assert before["webhook_events_v1"]

        keys = {job_id: await filed(clickhouse, job_id) for job_id in (place, other)}
        assert words_of(other) in await content(keys[other])
        erased = await forgotten(parts, clickhouse, Subject.PLACE, place_of(place))
        assert erased.is_proved, erased.remaining
        assert erased.removed["items_v1"] == 3
        assert erased.removed["webhook_events_v1"] == 1
        assert erased.needles >= 4
        erased = await forgotten(parts, clickhouse, Subject.AUTHOR, f"https://x/contrib/{author}")
        assert erased.is_proved, erased.remaining
        assert erased.removed["items_v1"] == 1
        assert await FILES.find_size(keys[place]) is None
        left = await content(keys[other])
        assert "Alles bestens." in left
        assert words_of(other) not in left

        async def check() -> None:
            assert not sum((await found_in_tables(clickhouse, needles)).values())
            assert await texts(clickhouse, place) == []
            assert await texts(clickhouse, other) == ["Alles bestens."] * 2
            store = ClickHouseStore(clickhouse)
            job = await store.find_job(place)
            assert job is not None
            assert (job.url, job.items_count) == (ERASED_URL, 1)
            assert (await store.find_job(other)).url == place_of(other)  # type: ignore[union-attr]
            rows = await clickhouse.rows(
                "SELECT count() FROM items WHERE job_id IN {jobs:Array(String)}",
                {"jobs": [place, other]},
            )
            assert rows[0][0] == 2

        await check()
        # The log still holds it all: whatever is made of it again leaves it out again.
        for projection in (job_events.projection, jobs.projection, items.projection):
            assert await drift_of(parts, projection, place, other) == []
            assert (await replayed(parts, projection, move=True)).moved
        await check()
        # And a later scrape: of the place it is news, of the author it stays out.
        await scraped(parts, again, author)
        await stored(clickhouse, [again], EVENTS)
        assert await texts(clickhouse, again) == ["Alles bestens."] * 2
        assert not sum((await found_in_tables(clickhouse, [author])).values())
        async with open_log(parts, "audit") as log, open_reader(parts, "audit") as reader:
            found = await Audit(reader, log.records, clickhouse).run()
        ours = [each for each in found.violations if each.subject in {place, other, again}]
        assert ours == []


@pytest.mark.timeout(100)
async def test_a_job_is_forgotten_though_its_events_come_late_and_the_work_is_repeated(
    parts: Settings,
) -> None:
    job_id = new_job_id()
    async with open_clickhouse(parts) as clickhouse:
        async with materializing(parts):
            await scraped(parts, job_id, author_of(job_id))
            await stored(clickhouse, [job_id], EVENTS)
        async with erasing(parts, clickhouse) as eraser:
            counts = await eraser.counts([job_id], [])
            assert (counts["items_v1"], counts["webhook_events_v1"]) == (3, 1)
            assert await texts(clickhouse, job_id)  # counting is not erasing
            erasure_id = await eraser.request(Subject.JOB, job_id, [job_id])
            # Written by one who has not heard of it, and stored by one who must not show it.
            await scraped(parts, job_id, author_of(job_id))
            async with materializing(parts):
                for _ in range(2):
                    erased = await eraser.carry_out(erasure_id, job_id)
                    assert erased.is_proved, erased.remaining
            assert erasure_id not in eraser.open_ids()
        needles = [place_of(job_id), author_of(job_id), words_of(job_id)]
        assert not sum((await found_in_tables(clickhouse, needles)).values())
        job = await ClickHouseStore(clickhouse).find_job(job_id)
        assert job is not None
        assert job.url == ERASED_URL


async def test_what_is_still_there_is_found_and_told(parts: Settings) -> None:
    job_id = new_job_id()
    async with open_clickhouse(parts) as clickhouse, materializing(parts):
        await scraped(parts, job_id, author_of(job_id))
        await stored(clickhouse, [job_id], EVENTS)
        # A table that nobody has told the eraser of.
        await clickhouse.run(
            "CREATE TABLE notes_of_somebody ENGINE = MergeTree ORDER BY job_id AS "
            f"SELECT job_id, fields FROM items WHERE job_id = '{job_id}'"
        )
        try:
            erased = await forgotten(parts, clickhouse, Subject.JOB, job_id)
            assert not erased.is_proved
            assert set(+erased.remaining) == {"notes_of_somebody"}
            async with erasing(parts, clickhouse) as eraser:
                assert erased.erasure_id in eraser.open_ids()
        finally:
            await clickhouse.run("DROP TABLE notes_of_somebody SYNC")
        async with erasing(parts, clickhouse) as eraser:
            assert (await eraser.carry_out(erased.erasure_id)).is_proved
            assert erased.erasure_id not in eraser.open_ids()


async def test_what_is_no_job_place_or_author_is_refused(parts: Settings) -> None:
    async with open_clickhouse(parts) as clickhouse:
        for subject, text in (
            (Subject.AUTHOR, "Ada"),
            (Subject.JOB, "17"),
            (Subject.PLACE, " "),
            (Subject.PLACE, ERASED_URL),
        ):
            with pytest.raises(InvalidRequestError):
                await planned(clickhouse, subject, text)
        with pytest.raises(UnknownJobError):
            await planned(clickhouse, Subject.JOB, new_job_id())
