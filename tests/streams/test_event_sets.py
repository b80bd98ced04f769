"""Sets of job events give the rows and states that the same events give one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec
import pyarrow as pa
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import HealthCheck, settings
from hypothesis import given as random
from hypothesis import strategies as st

from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.clickhouse_block import batch_of
from streams.adapters.json_columns import json_texts
from streams.adapters.record_sets import FEW, PACKED_BY, RecordSet
from streams.adapters.records import Records
from streams.domain.erasure import ErasureRequested, Subject
from streams.domain.events import (
    AttemptFailed,
    ItemsSpan,
    JobEvent,
    ProgressReported,
)
from streams.domain.fold import fold
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.progress import ProgressRun
from streams.domain.recorded import NewEvent, new_event
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.event_sets import EventSets
from streams.ports import NewRecord, RawRecord
from streams.projections import job_events
from streams.topics import JOB_EVENTS, topic_schemas
from tests.domain.test_every_event import ANY
from tests.domain.test_job_story import ASKED, FIRST_TRY, TAKEN
from tests.support.given import PARTITION, START

JOBS = [JobId(str(number) * 32) for number in range(3)]
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
SPANS = [None, *(ItemsSpan(partition=p, first=p * 5, end=p * 5 + 9) for p in (1, 2))]
REPORTS = [
    ProgressReported(attempt=attempt, worker=worker, stage=stage, items_seen=seen, items=span)
    for attempt, worker, stage, seen, span in [
        (1, "w1", "scrolling", 7, SPANS[1]),
        (1, "w1", "reading", 3, SPANS[2]),
        (1, "w1", 'a "quoted" stage', 9, None),
        (1, "w2", "scrolling", 50, SPANS[1]),
        (2, "w1", "scrolling", 11, SPANS[0]),
    ]
]
STORIES = st.lists(
    st.tuples(st.sampled_from(JOBS), st.sampled_from([*ANY, *REPORTS, *REPORTS])), max_size=30
)


@pytest.fixture
async def records() -> Records:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    return Records(await open_codec(registry, topic_schemas()), "/scrapestream/test")


def fetched(
    batches: Iterable[Sequence[NewRecord]], *, first: int = 0, base: int = 0, codec: int = 0
) -> RecordSet:
    """As a broker gives them."""
    raw = b""
    for batch in batches:
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2**24)
        for number, new in enumerate(batch):
            builder.append(number, 1_000 + number, new.key, new.value, list(new.headers))
        raw += packed(bytes(builder.build()), base, codec)
        base += len(batch)
    return RecordSet((JOB_EVENTS, PARTITION), raw, first)


def packed(batch: bytes, base: int, codec: int) -> bytes:
    """The batch with another first offset, its records packed."""
    head, records = bytearray(batch[:61]), batch[61:]
    if codec:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, PACKED_BY[codec]) as out:
            out.write(records)
        records = bytes(sink.getvalue())
    head[:8] = base.to_bytes(8, "big")
    head[8:12] = (len(head) - 12 + len(records)).to_bytes(4, "big")
    head[22] |= codec
    head[17:21] = calc_crc32c(bytes(head[21:]) + records).to_bytes(4, "big")
    return bytes(head) + records


def written(story: Sequence[tuple[JobId, JobEvent]]) -> list[NewEvent]:
    return [
        new_event(
            job,
            "public",
            event,
            START + timedelta(milliseconds=number),
            ordinal=number,
            traceparent=TRACE if number % 3 else None,
        )
        for number, (job, event) in enumerate(story)
    ]


def raws(news: Sequence[NewRecord], base: int = 0) -> list[RawRecord]:
    """The same records, one by one."""
    return [
        RawRecord(JOB_EVENTS, PARTITION, base + n, new.key, new.value, new.headers)
        for n, new in enumerate(news)
    ]


def rows_of(sets: EventSets, found: RecordSet) -> list[tuple[object, ...]]:
    events = sets.read(found)
    batches = list(events.rows)
    if events.loose:
        loose = [job_events.projection.row(each) for each in events.loose]
        batches.append(batch_of(job_events.projection.columns, loose))
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    return sorted(rows, key=lambda row: row[2])


async def test_rows_of_every_event_are_those_of_reading_them_one_by_one(records: Records) -> None:
    story: list[tuple[JobId, JobEvent]] = [(JOBS[0], event) for event in [*ANY, *REPORTS]]
    news = [records.event(new) for new in written(story)]
    one_by_one = [job_events.projection.row(records.read_event(raw)) for raw in raws(news)]
    assert rows_of(EventSets(records, few=1), fetched([news])) == one_by_one


async def test_most_types_are_read_as_columns_and_none_with_a_secret(records: Records) -> None:
    story: list[tuple[JobId, JobEvent]] = [(JOBS[0], event) for event in [*ANY, *REPORTS]]
    news = [records.event(new) for new in written(story)]
    events = EventSets(records, few=1).read(fetched([news]))
    names = {each.name for each in events.columns}
    assert {"ProgressReported", "AttemptScheduled", "AttemptFailed", "ResultsStored"} <= names
    assert "ScrapeRequested" not in names
    assert {type(each.event).__name__ for each in events.loose} >= {"ScrapeRequested"}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@random(STORIES, st.integers(0, 30), st.lists(st.integers(1, 30), max_size=3))
def test_states_are_those_of_the_fold_one_by_one_wherever_sets_begin(
    records: Records, story: list[tuple[JobId, JobEvent]], known: int, cuts: list[int]
) -> None:
    sets = EventSets(records, few=1)
    asked: list[tuple[JobId, JobEvent]] = [
        (job, event) for job in JOBS[:2] for event in (ASKED, FIRST_TRY, TAKEN)
    ]
    news = [records.event(new) for new in written([*asked, *story])]
    states: dict[JobId, Job | None] = {}
    expected: dict[JobId, Job | None] = {}
    for raw in raws(news):
        event = records.read_event(raw)
        expected[event.job_id] = fold([event], expected.get(event.job_id))
        if raw.offset < known:  # a batch of which only the states were stored
            states[event.job_id] = expected[event.job_id]
    edges = sorted({0, len(news), *(min(cut, len(news)) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        events = sets.read(fetched([news[start:end]], base=start, first=start))
        for job_id, history in sets.histories(events).items():
            states[job_id] = fold(history, states.get(job_id))
    assert states == expected


async def test_reports_of_one_attempt_are_folded_at_once(records: Records) -> None:
    same: list[tuple[JobId, JobEvent]] = [(JOBS[0], event) for event in REPORTS[:3]]
    story: list[tuple[JobId, JobEvent]] = [
        (JOBS[0], ASKED),
        (JOBS[0], FIRST_TRY),
        (JOBS[0], TAKEN),
        *same,
        *same,
    ]
    sets = EventSets(records, few=1)
    found = fetched([[records.event(new) for new in written(story)]])
    [history] = sets.histories(sets.read(found)).values()
    assert [each.reports if isinstance(each, ProgressRun) else 1 for each in history] == [
        1,
        1,
        1,
        6,
    ]


async def test_what_cannot_be_read_is_told_as_when_reading_it_one_by_one(records: Records) -> None:
    right = [records.event(new) for new in written([(JOBS[0], each) for each in REPORTS])]
    value = right[0].value or b""
    wrong = [
        None,
        b"",
        b"\0\0\0",
        b"\1" + value[1:],
        b"\0\0\0\x77\x77" + value[5:],
        value[:-1],
        value + b"\0",
        value.replace(b"scrolling", b"scr\xff\xfeling"),
    ]
    news = [
        NewRecord(topic=JOB_EVENTS, key=b"k", value=value, headers=right[0].headers)
        for value in wrong
    ]
    mixed = [each for pair in zip(right * 2, news, strict=False) for each in pair]
    events = EventSets(records, few=1).read(fetched([mixed]))
    reasons = []
    for raw in raws(mixed):
        try:
            records.read_event(raw)
        except UnreadableRecordError as error:
            reasons.append((raw.offset, raw.value, str(error)))
    assert [(raw.offset, raw.value, reason) for raw, reason in events.rejected] == reasons
    assert len(reasons) == len(wrong)


async def test_events_of_forgotten_jobs_are_emptied_also_when_that_comes_later(
    records: Records,
) -> None:
    failed = AttemptFailed(
        attempt=1, worker="w", reason="r", message="says who", may_retry=True, items_count=0
    )
    news = [records.event(new) for new in written([(job, failed) for job in JOBS])]
    sets = EventSets(records, few=1)
    events = sets.read(fetched([news]))
    records.erasures.add(
        ErasureRequested(erasure_id="e", subject=Subject.JOB, subject_hash="h", job_ids=(JOBS[1],))
    )
    left = sets.left(events)
    assert [each.job_id for each in left.loose] == [JOBS[1]]
    assert '"message":""' in job_events.projection.row(left.loose[0])[-1]
    told = [row["job_id"] for batch in left.rows for row in batch.to_pylist()]
    assert told == [JOBS[0], JOBS[2]]
    assert sets.left(left) is left


@pytest.mark.parametrize("codec", [0, *PACKED_BY])
async def test_sets_are_read_however_they_are_packed(records: Records, codec: int) -> None:
    news = [
        records.event(new) for new in written([(job, each) for each in ANY * 2 for job in JOBS])
    ]
    assert len(news) > FEW
    found = fetched([news[:20], news[20:]], base=100, codec=codec)
    assert found.records() == [
        raw._replace(headers=list(raw.headers)) for raw in raws(news, base=100)
    ]
    assert found.end == 100 + len(news)
    few = fetched([news[:20]], base=100, codec=codec)
    assert few.records() == found.records()[:20]
    for one, other in zip(few.tails + few.values, found.tails + found.values, strict=True):
        assert one.tolist() == other[:20].tolist()


async def test_records_before_the_wanted_one_are_left_out(records: Records) -> None:
    news = [records.event(new) for new in written([(JOBS[0], REPORTS[0])] * 10)]
    found = fetched([news], base=50, first=54)
    assert found.offsets.tolist() == list(range(54, 60))
    found.only(found.offsets < 57)
    assert [raw.offset for raw in found.records()] == [54, 55, 56]


async def test_a_batch_that_was_cut_waits_for_the_next_fetch_and_a_broken_one_is_told(
    records: Records,
) -> None:
    news = [records.event(new) for new in written([(JOBS[0], REPORTS[0])] * 2)]
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2**20)
    for number, new in enumerate(news):
        builder.append(number, 1_000, new.key, new.value, list(new.headers))
    raw = bytes(builder.build())
    assert len(RecordSet((JOB_EVENTS, 0), raw + raw[:-1], 0)) == len(news)
    with pytest.raises(LogUnavailableError, match="checksum"):
        RecordSet((JOB_EVENTS, 0), raw[:-1] + b"?", 0)
    snappy = bytearray(raw)
    snappy[22] = 2
    snappy[17:21] = calc_crc32c(bytes(snappy[21:])).to_bytes(4, "big")
    with pytest.raises(LogUnavailableError, match="snappy"):
        RecordSet((JOB_EVENTS, 0), bytes(snappy), 0)


@settings(deadline=None)
@random(
    st.one_of(
        st.lists(st.one_of(st.none(), st.text()), min_size=1),
        st.lists(st.one_of(st.none(), st.floats()), min_size=1),
        st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1),
        st.lists(st.one_of(st.none(), st.booleans()), min_size=1),
    )
)
def test_columns_become_the_json_that_msgspec_writes(values: list[object]) -> None:
    try:
        array = pa.array(values, pa.null() if set(values) == {None} else None)
    except UnicodeEncodeError:
        return  # half a character: there is no UTF-8 of it
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    texts = json_texts(array).to_pylist()
    assert texts == [
        msgspec.json.encode(None if isinstance(v, float) and math.isnan(v) else v).decode()
        for v in values
    ]
