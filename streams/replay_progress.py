"""Tells the log how far a replay is, about once a second."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.domain.replays import ReplayEvent, ReplayProgressed, new_replay_event
from streams.errors import UnavailableError
from streams.ports import EventLog

EVERY_S = 1.0


@dataclass(slots=True, kw_only=True)
class ReplayProgress:
    """What the work says, and what of it is recorded."""

    replay_id: str
    attempt: int
    projection: str | None = None
    phase: str = "reading"
    done: int = 0
    total: int = 0
    drift_jobs: int = 0
    began_s: float = 0.0
    """Of the present projection."""

    def begin(self, projection: str | None, phase: str) -> None:
        """Another projection's turn, or the topic's."""
        self.projection, self.phase = projection, phase
        self.done = self.total = 0
        self.began_s = time.monotonic()

    def enter(self, phase: str) -> None:
        """Note what is being done."""
        self.phase = phase

    def tell(self, done: int, total: int) -> None:
        """Note how far it is."""
        self.done, self.total = done, total

    def event(self) -> ReplayProgressed:
        """As an event."""
        passed_s = time.monotonic() - self.began_s
        return ReplayProgressed(
            attempt=self.attempt,
            phase=self.phase,
            projection=self.projection,
            records_done=self.done,
            records_total=self.total,
            records_per_second=round(self.done / passed_s, 1) if passed_s > 0 else 0.0,
            drift_jobs=self.drift_jobs,
        )

    async def record(self, event_log: EventLog) -> None:
        """Record it again and again, until cancelled. One that is lost does no harm."""
        told: ReplayEvent | None = None
        while True:
            await asyncio.sleep(EVERY_S)
            event = self.event()
            if event == told:
                continue
            try:
                await event_log.append_replay(
                    new_replay_event(self.replay_id, event, datetime.now(UTC))
                )
            except UnavailableError:
                continue
            told = event
