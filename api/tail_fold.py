"""What the live view does with each record that it reads: fold it, and tell who counts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from api.estimates import Durations
from api.job_memory import JobMemory
from streams.adapters.records import Records
from streams.domain.events import ScrapeRequested
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.domain.webhook import DeliveryAttempted
from streams.errors import UnreadableRecordError
from streams.ports import RawRecord
from streams.topics import JOB_EVENTS

log = logging.getLogger(__name__)

MOST_NOTED = 50_000  # places of own events; they leave when they are read


class Observer(Protocol):
    """Is told what the tail reads, each thing once."""

    def submitted(self) -> None: ...

    def ended(self, job: Job) -> None: ...

    def webhook_tried(self, *, ok: bool) -> None: ...


class TailFold:
    """Folds the records of ``job-events`` and ``webhook-events`` into what is in memory."""

    def __init__(self, memory: JobMemory, durations: Durations, records: Records) -> None:
        self._memory = memory
        self._durations = durations
        self._records = records
        self._observers: list[Observer] = []
        self._noted: set[tuple[int, int]] = set()
        self._is_following = False
        self.positions: dict[int, int] = {}
        """The offset after the newest record of ``job-events`` that was read, by partition."""

    def add_observer(self, observer: Observer) -> None:
        """Tell ``observer`` what is read from now on."""
        self._observers.append(observer)

    def begin(self, starts: Mapping[int, int]) -> None:
        """Go on from these offsets: what was noted so far is read like all else."""
        self.positions = dict(starts)
        self._noted.clear()
        self._is_following = True

    def note(self, recorded: Recorded) -> None:
        """Fold a ``ScrapeRequested`` of this process before it is read."""
        self._memory.learn(recorded)
        is_yet_to_come = recorded.offset >= self.positions.get(recorded.partition, 0)
        if self._is_following and is_yet_to_come and len(self._noted) < MOST_NOTED:
            self._noted.add((recorded.partition, recorded.offset))

    def apply(self, raw: RawRecord) -> None:
        """Fold one record; one that cannot be read is passed by."""
        try:
            if raw.topic == JOB_EVENTS:
                self.positions[raw.partition] = raw.offset + 1
                if self._noted and (raw.partition, raw.offset) in self._noted:
                    # Folded when it was noted. To decode it again costs as much as to encode it.
                    self._noted.remove((raw.partition, raw.offset))
                    for observer in self._observers:
                        observer.submitted()
                    return
                self._apply_event(self._records.read_event(raw))
                return
            delivery = self._records.read_delivery(raw)
        except UnreadableRecordError as error:
            # The materializer rejects it to the dead-letter topic; here it is only passed by.
            where = {"topic": raw.topic, "partition": raw.partition, "position": raw.offset}
            log.warning("record left out", extra={**where, "reason": str(error)})
            return
        if isinstance(delivery.event, DeliveryAttempted):
            for observer in self._observers:
                observer.webhook_tried(ok=delivery.event.ok)

    def _apply_event(self, recorded: Recorded) -> None:
        before, after = self._memory.learn(recorded)
        has_ended = before is not None and before.is_open and after and not after.is_open
        if has_ended and after is not None:
            self._durations.learn(after)
        for observer in self._observers:
            if isinstance(recorded.event, ScrapeRequested):
                observer.submitted()
            if has_ended and after is not None:
                observer.ended(after)
