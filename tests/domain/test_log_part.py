"""Which offsets a replay of a part reads, and how far it may change the live table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.log_part import MOST_JOBS, LogPart, Span, lost_tail, mendable_end, span_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
offsets = st.integers(min_value=0, max_value=100)
maybe = st.one_of(st.none(), offsets)


def test_without_span_and_jobs_it_is_the_whole_log() -> None:
    assert LogPart().is_whole
    assert not LogPart(since=NOON).is_whole
    assert not LogPart(before=NOON).is_whole
    assert not LogPart(job_ids=("a",)).is_whole


def test_what_cannot_be_meant_is_told() -> None:
    assert "empty" in LogPart(since=NOON, before=NOON).fault()
    assert "at most" in LogPart(job_ids=("a",) * (MOST_JOBS + 1)).fault()
    assert not LogPart(since=NOON, before=NOON + timedelta(seconds=1), job_ids=("a",)).fault()


@given(offsets, offsets, maybe, maybe)
def test_a_span_has_the_offsets_that_are_kept_and_wanted(
    start: int, length: int, since: int | None, before: int | None
) -> None:
    end = start + length
    span = span_of(start=start, end=end, since=since, before=before)
    wanted = [
        offset
        for offset in range(start, end)
        if (since is None or offset >= since) and (before is None or offset < before)
    ]
    assert span.count == len(wanted)
    assert list(range(span.first, span.end)) == wanted


def test_what_the_materializer_has_not_stored_is_left_to_it() -> None:
    span = Span(first=10, end=30)
    assert mendable_end(span, stored_end=25, committed=None) == 25
    assert mendable_end(span, stored_end=25, committed=28) == 28
    assert mendable_end(span, stored_end=40, committed=40) == 30
    assert mendable_end(span, stored_end=5, committed=None) == 10


def test_a_lost_end_is_what_was_stored_once_and_is_not_there_now() -> None:
    assert lost_tail(stored_end=20, committed=30, start=0, end=30) == Span(first=20, end=30)
    assert lost_tail(stored_end=20, committed=30, start=25, end=28) == Span(first=25, end=28)
    assert lost_tail(stored_end=30, committed=30, start=0, end=30) is None
    assert lost_tail(stored_end=30, committed=None, start=0, end=30) is None
    # Rows that are asked for before the lost ones can be mended alone.
    assert lost_tail(stored_end=20, committed=30, start=0, end=15) is None
