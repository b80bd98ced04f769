"""Reads whole sets of job events, for rows and for the fold of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from streams.adapters.event_columns import EventColumns, EventReader, ReadSet, schema_prefixes
from streams.adapters.progress_runs import progress_runs
from streams.adapters.record_sets import RecordSet
from streams.adapters.records import Records
from streams.domain.events import ProgressReported
from streams.domain.ids import JobId
from streams.domain.progress import ProgressRun
from streams.domain.recorded import Recorded
from streams.errors import UnreadableRecordError
from streams.ports import RawRecord

PROGRESS = ProgressReported.__name__
FEW = 128
History = list[Recorded | ProgressRun]
"""Events of one job, in the order of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvents:
    """The events of a set."""

    found: RecordSet
    columns: Sequence[EventColumns]
    """Most of them, by type."""
    loose: list[Recorded] = field(default_factory=list)
    """Those that had to be read one by one."""
    rejected: list[tuple[RawRecord, str]] = field(default_factory=list)
    """What can never be read, with the reason."""
    forgotten: int = 0
    """How many jobs were to be forgotten when this was read."""

    @property
    def rows(self) -> list[pa.RecordBatch]:
        """Rows of ``job_events``, but for those that are ``loose``."""
        return [each.rows for each in self.columns]


class EventSets:
    """Reads sets with what ``records`` knows of schemas and of what must be forgotten."""

    def __init__(self, records: Records, *, few: int = FEW) -> None:
        """``few``: fewer events than this are read one by one, which is quicker then."""
        self._records = records
        self._reader = EventReader(records.codec, few)
        self._few = few

    async def learn(self, found: RecordSet) -> None:
        """Fetch schemas not seen before; raises RegistryError: call again."""
        await self._records.codec.learn(schema_prefixes(found))

    def read(self, found: RecordSet) -> ReadEvents:
        """All events of a set."""
        forgotten = frozenset(self._records.erasures.jobs)
        if len(found) < self._few:
            read = ReadSet(odd=list(range(len(found))))
        else:
            read = self._reader.read(found, forgotten)
        loose: list[Recorded] = []
        rejected: list[tuple[RawRecord, str]] = []
        for number in read.odd:
            raw = found.record(number)
            try:
                loose.append(self._records.read_event(raw))
            except UnreadableRecordError as error:
                rejected.append((raw, str(error)))
        return ReadEvents(
            found=found,
            columns=read.columns,
            loose=loose,
            rejected=rejected,
            forgotten=len(forgotten),
        )

    def left(self, events: ReadEvents) -> ReadEvents:
        """The same events without what must be forgotten by now."""
        is_old = len(self._records.erasures.jobs) != events.forgotten
        return self.read(events.found) if is_old else events

    def histories_of(self, sets: Iterable[ReadEvents]) -> dict[JobId, History]:
        """What happened to each job, in sets of which those of a partition are in order."""
        histories: dict[JobId, History] = {}
        for events in sets:
            for job_id, history in self.histories(events).items():
                histories.setdefault(job_id, []).extend(history)
        return histories

    def histories(self, events: ReadEvents) -> dict[JobId, History]:
        """What happened to each job."""
        others = list(events.loose)
        for columns in events.columns:
            if columns.name != PROGRESS:
                numbers = columns.numbers.tolist()
                others += [self._records.read_event(events.found.record(n)) for n in numbers]
        histories: dict[JobId, History] = {}
        for recorded in others:
            histories.setdefault(recorded.job_id, []).append(recorded)
        for columns in events.columns:
            if columns.name == PROGRESS:
                for run in progress_runs(events.found, columns, others):
                    histories.setdefault(run.job_id, []).append(run)
        for history in histories.values():
            if len(history) > 1:
                history.sort(key=_offset)
        return histories


def _offset(event: Recorded | ProgressRun) -> int:
    return event.offset
