"""What the live view does with the records that it reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.estimates import Durations
from api.job_memory import JobMemory
from api.tail_fold import TailFold
from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.records import Records
from streams.domain.events import ScrapeRequested
from streams.domain.ids import new_job_id
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.ports import RawRecord
from streams.topics import JOB_EVENTS, topic_schemas
from tests.api.job_events import PLACE

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Seen:
    def __init__(self) -> None:
        self.count = 0

    def submitted(self) -> None:
        self.count += 1

    def ended(self, job: Job) -> None:
        raise AssertionError(job)

    def webhook_tried(self, *, ok: bool) -> None:
        raise AssertionError(ok)


def asked(offset: int) -> Recorded:
    event = ScrapeRequested(kind="google_reviews", url=PLACE)
    return Recorded(new_job_id(), "public", "e", NOW, 3, offset, event)


def unreadable(offset: int) -> RawRecord:
    """What would be passed by, were it looked into."""
    return RawRecord(JOB_EVENTS, 3, offset, b"j", b"rubbish", ())


@pytest.fixture
async def records() -> Records:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    return Records(await open_codec(registry, topic_schemas()), "/scrapestream/test")


async def test_an_own_request_is_folded_when_it_is_noted_and_counted_when_it_is_read(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    memory, seen = JobMemory(), Seen()
    fold = TailFold(memory, Durations(), records)
    fold.add_observer(seen)
    fold.begin({3: 10})
    request = asked(12)
    fold.note(request)
    assert memory.find(request.job_id) is not None
    assert (seen.count, fold.positions) == (0, {3: 10})
    fold.apply(unreadable(12))
    assert (seen.count, fold.positions) == (1, {3: 13})
    assert caplog.records == []
    fold.apply(unreadable(12))  # read once more: nobody's any longer
    assert seen.count == 1
    assert [record.message for record in caplog.records] == ["record left out"]


async def test_what_was_read_before_it_was_noted_is_not_waited_for(records: Records) -> None:
    fold = TailFold(JobMemory(), Durations(), records)
    seen = Seen()
    fold.add_observer(seen)
    fold.begin({3: 13})
    fold.note(asked(12))
    fold.apply(unreadable(12))
    assert seen.count == 0
