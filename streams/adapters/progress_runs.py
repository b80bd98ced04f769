"""What the fold of jobs needs of a set of job events: reports of progress many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.columns import Places
from schemas.quick_reader import EPOCH, EXACT_UNTIL
from streams.adapters.event_columns import EventColumns
from streams.adapters.record_sets import RecordSet
from streams.domain.events import ItemsSpan, ProgressReported
from streams.domain.ids import JobId
from streams.domain.progress import ProgressRun
from streams.domain.recorded import Recorded

NONE = -1
FAR = np.iinfo(np.int64).max


def progress_runs(
    found: RecordSet, columns: EventColumns, others: Sequence[Recorded]
) -> list[ProgressRun]:
    """The reports of ``columns`` in runs; ``others``: all other events of the set."""
    array, numbers = columns.fields, columns.numbers
    packed = array.field("job_id").dictionary_encode()
    jobs = packed.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(jobs, kind="stable")
    offsets = found.offsets[numbers]
    worker = _codes(array.field("worker"))
    ranks = _ranks(packed.dictionary, jobs[order], offsets[order], others)
    starts = _starts(jobs[order], array.field("attempt").to_numpy()[order], worker[order], ranks)
    lasts = np.append(starts[1:], len(order)) - 1
    first, last = order[starts], order[lasts]
    seen = np.maximum.reduceat(array.field("items_seen").to_numpy()[order], starts)
    spans = _spans(array.field("items").take(pa.array(order)), starts)
    chosen = array.take(pa.array(last))
    firsts, lasts_of = offsets[first].tolist(), offsets[last].tolist()
    counts, begins = (lasts - starts + 1).tolist(), starts.tolist()
    moments = map(_moment, chosen.field("occurred_at").cast(pa.int64()).to_pylist())
    told = zip(
        chosen.field("attempt").to_pylist(),
        chosen.field("worker").to_pylist(),
        chosen.field("stage").to_pylist(),
        seen.tolist(),
        spans,
        strict=True,
    )
    places = zip(chosen.field("job_id").to_pylist(), firsts, lasts_of, counts, moments, strict=True)
    return [
        ProgressRun(*place, *what, _Each(found, columns, order[begin : begin + count]))
        for place, what, begin, count in zip(places, told, begins, counts, strict=True)
    ]


class _Each:
    """The reports of a run, one by one."""

    __slots__ = ("_columns", "_found", "_places")

    def __init__(self, found: RecordSet, columns: EventColumns, places: Places) -> None:
        self._found = found
        self._columns = columns
        self._places = places

    def __call__(self) -> list[Recorded]:
        fields = self._columns.fields.take(pa.array(self._places))
        traces = self._columns.rows.column("traceparent").take(pa.array(self._places))
        at = fields.field("occurred_at").cast(pa.int64()).to_pylist()
        offsets = self._found.offsets[self._columns.numbers[self._places]].tolist()
        return [
            Recorded(
                JobId(each["job_id"]),
                each["tenant"],
                each["event_id"],
                _moment(at_us),
                self._found.partition,
                offset,
                ProgressReported(
                    attempt=each["attempt"],
                    worker=each["worker"],
                    stage=each["stage"],
                    items_seen=each["items_seen"],
                    items=_span(each["items"]),
                ),
                trace or None,
            )
            for each, at_us, offset, trace in zip(
                fields.to_pylist(), at, offsets, traces.to_pylist(), strict=True
            )
        ]


def _span(found: Mapping[str, Any] | None) -> ItemsSpan | None:
    return None if found is None else ItemsSpan(**found)


def _codes(array: pa.Array) -> Places:
    codes: Places = (
        array.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return codes


def _ranks(names: pa.Array, jobs: Places, offsets: Places, others: Sequence[Recorded]) -> Places:
    """For each report, how many other events stand before it, of its job and those before that.

    ``jobs`` are places in ``names``, in order; within one of them ``offsets`` are.
    """
    if not others:
        return np.zeros(len(jobs), dtype=np.int64)
    found = pc.index_in(pa.array([other.job_id for other in others], pa.string()), names)
    is_there = found.is_valid().to_numpy(zero_copy_only=False)
    their_jobs = found.fill_null(NONE).to_numpy().astype(np.int64)[is_there]
    their_offsets = np.array([other.offset for other in others], dtype=np.int64)[is_there]
    base = int(min(offsets.min(), their_offsets.min(initial=FAR)))
    width = int(max(offsets.max(), their_offsets.max(initial=0))) - base + 1
    theirs = np.sort(their_jobs * width + (their_offsets - base))
    ranks: Places = np.searchsorted(theirs, jobs * width + (offsets - base))
    return ranks


def _starts(*keys: NDArray[np.int64]) -> Places:
    """Where a run begins: where one of the keys is another one than before."""
    changes = np.zeros(len(keys[0]), dtype=bool)
    changes[0] = True
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changes)


def _spans(items: pa.StructArray, starts: Places) -> list[ItemsSpan | None]:
    """The spans of each run joined: as ``ItemsSpan.joined``, one after the other."""
    if items.null_count == len(items):
        return [None] * len(starts)
    is_there = items.is_valid().to_numpy(zero_copy_only=False)
    partition, first, end = (
        items.field(name).fill_null(0).to_numpy() for name in ("partition", "first", "end")
    )
    newest = np.maximum.reduceat(np.where(is_there, np.arange(len(items)), NONE), starts)
    lowest = np.minimum.reduceat(np.where(is_there, first, FAR), starts)
    highest = np.maximum.reduceat(np.where(is_there, end, -FAR), starts)
    return [
        None if at == NONE else ItemsSpan(partition=part, first=low, end=high)
        for at, part, low, high in zip(
            newest.tolist(),
            partition[newest].tolist(),
            lowest.tolist(),
            highest.tolist(),
            strict=True,
        )
    ]


def _moment(at_us: int) -> datetime:
    if 0 <= at_us < EXACT_UNTIL:
        return datetime.fromtimestamp(at_us / 1e6, UTC)
    return EPOCH + timedelta(microseconds=at_us)
