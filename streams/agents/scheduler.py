"""Starts the runs of monitors when they are due: the only author of what monitors decide.

Level-triggered, as the orchestrator: what is due is a function of a monitor's state and the time.
A run's job id follows from the monitor and the time at which it was due, and its request is
appended before ``MonitorFired`` says so. Whatever happens between the two, the next sweep, here or
at another process, finds the same run due, and makes the same job of it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Coroutine
from datetime import UTC, datetime
from typing import Any

from schemas.errors import RegistryError
from streams.agents.earlier_runs import EarlierRuns
from streams.agents.monitors_part import MonitorsPart
from streams.agents.past import Past
from streams.agents.stalls import Stalls
from streams.domain.ids import new_traceparent
from streams.domain.job import WHOLE_OUTCOMES, Job
from streams.domain.monitor import Monitor, run_requested
from streams.domain.monitor_events import (
    MonitorDecision,
    MonitorFired,
    MonitorSkipped,
    RecordedMonitor,
    new_monitor_event,
)
from streams.domain.monitor_schedule import Due, due
from streams.domain.recorded import new_event
from streams.errors import UnavailableError, UnreadableRecordError
from streams.ports import EventLog, RawRecord

log = logging.getLogger(__name__)

MOST_AT_ONCE = 8
REPEAT_S = 10.0
"""A run is not started again before this, so that what was appended can be read back."""
RETRY_S = 2.0
"""Pause after a try that could not be finished, because a part is away or behind."""
SHUTDOWN_S = 10.0


class Scheduler:
    """Feed it records of ``monitor-events`` with ``react``; call ``sweep`` each second."""

    def __init__(
        self,
        event_log: EventLog,
        earlier: EarlierRuns,
        past: Past,
        read: Callable[[RawRecord], RecordedMonitor],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log = event_log
        self._earlier = earlier
        self._past = past
        self._read = read
        self._clock = clock
        self._now = now
        self._partitions: dict[int, MonitorsPart] = {}
        self._restoring = asyncio.Lock()
        self._stalls = Stalls()
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._not_before: dict[str, float] = {}
        """When each monitor may be looked at again, on this process's own clock, seconds."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def react(self, raw: RawRecord) -> None:
        """Fold one record in, and start at once what it makes due."""
        part = self._partitions.get(raw.partition)
        if part is None or raw.offset > part.folded_to:
            # New here, or another process had it in between.
            await self._restore([raw.partition], raw.offset)
            part = self._partitions[raw.partition]
        if raw.offset < part.folded_to:
            return
        recorded = self._fold(part, raw)
        if recorded is not None:
            if isinstance(recorded.event, MonitorDecision):
                self._not_before.pop(recorded.monitor_id, None)
            self._look_at(part, recorded.monitor_id, self._now())

    async def sweep(self, assigned: Collection[int]) -> None:
        """Start what is due in the partitions that are ours; waits for nothing."""
        mine = frozenset(assigned)
        for partition in self._partitions.keys() - mine:
            del self._partitions[partition]
        missing = mine - self._partitions.keys()
        if not self._restoring.locked():
            self._spawn(self._catch_up(missing))
        now = self._now()
        for part in list(self._partitions.values()):
            for monitor_id, at in list(part.due_at.items()):
                if at <= now:
                    self._look_at(part, monitor_id, now)

    async def close(self) -> None:
        """Let runs that are being started finish."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SHUTDOWN_S)

    def count(self) -> int:
        """Monitors of our partitions that have not been deleted."""
        parts = self._partitions.values()
        return sum(not each.is_deleted for part in parts for each in part.monitors.values())

    def overdue_s(self) -> float:
        """How late the run of ours is that is due longest, seconds; 0: none is late."""
        parts = self._partitions.values()
        first = min((at for part in parts for at in part.due_at.values()), default=None)
        return 0.0 if first is None else max(0.0, (self._now() - first).total_seconds())

    def _look_at(self, part: MonitorsPart, monitor_id: str, now: datetime) -> None:
        """Start the monitor's run, if one is due and that is not being done already."""
        monitor = part.monitors.get(monitor_id)
        run = due(monitor, now) if monitor is not None else None
        if run is None or self._clock() < self._not_before.get(monitor_id, 0.0):
            return
        self._not_before[monitor_id] = math.inf  # until its turn is over
        self._spawn(self._take_turn(part, monitor_id, run))

    async def _take_turn(self, part: MonitorsPart, monitor_id: str, run: Due) -> None:
        pause_s = RETRY_S
        try:
            async with self._turns:
                await self._earlier.check_past(part)
                last = await self._earlier.last_job(part.monitors[monitor_id])
                # Much may have come to us meanwhile: a pause, a change, another process's turn.
                monitor = part.monitors[monitor_id]
                is_ours = self._partitions.get(monitor.partition) is part
                if is_ours and due(monitor, self._now()) == run:
                    await self._start(monitor, run, last)
                pause_s = REPEAT_S
        finally:
            if due(part.monitors[monitor_id], self._now()) == run:
                self._not_before[monitor_id] = self._clock() + pause_s
            else:
                self._not_before.pop(monitor_id, None)

    async def _start(self, monitor: Monitor, run: Due, last: Job | None) -> None:
        """Append the run's job and that it has begun, or that it is skipped."""
        if last is not None and last.is_open:
            log.info("run skipped", extra={"monitor_id": monitor.monitor_id})
            skipped = MonitorSkipped(
                due_at=run.due_at,
                job_id=run.job_id,
                open_job_id=last.job_id,
                trigger=run.trigger,
            )
            await self._decide(monitor, skipped, run.job_id)
            return
        # After a job that did not find everything there may be a gap behind what it has found.
        is_full = run.full or last is None or last.outcome not in WHOLE_OUTCOMES
        if not await self._earlier.is_started(run.job_id):
            options = await self._earlier.options(monitor, is_full=is_full)
            asked = run_requested(monitor, options)
            new = new_event(
                run.job_id, monitor.tenant, asked, self._now(), traceparent=new_traceparent()
            )
            await self._log.append([new])
        fired = MonitorFired(
            due_at=run.due_at, job_id=run.job_id, trigger=run.trigger, full=is_full
        )
        await self._decide(monitor, fired, run.job_id)

    async def _decide(self, monitor: Monitor, event: MonitorDecision, ordinal: str) -> None:
        new = new_monitor_event(
            monitor.monitor_id, monitor.tenant, event, self._now(), ordinal=ordinal
        )
        await self._log.append_monitor(new)

    async def _restore(self, partitions: Collection[int], offset: int = 0) -> None:
        """Fold the whole past of those ``partitions`` that were not folded up to ``offset``."""
        async with self._restoring:
            parts = {
                number: MonitorsPart()
                for number in partitions
                if (known := self._partitions.get(number)) is None or offset > known.folded_to
            }
            if not parts:
                return

            def apply(raw: RawRecord) -> None:
                self._fold(parts[raw.partition], raw)

            ends = await self._past.replay(parts, apply)
            job_ends = await self._earlier.job_ends()
            for number, part in parts.items():
                part.folded_to = ends[number]
                part.job_ends = job_ends
            self._partitions.update(parts)

    async def _catch_up(self, missing: Collection[int]) -> None:
        if missing:
            await self._restore(missing)
        folded_to = {number: part.folded_to for number, part in self._partitions.items()}
        ends = await self._past.ends()
        for number in self._stalls.find(folded_to, ends, self._clock()):
            log.warning("events do not come; read again", extra={"partition": number})
            await self._restore([number], ends[number])

    def _fold(self, part: MonitorsPart, raw: RawRecord) -> RecordedMonitor | None:
        part.folded_to = raw.offset + 1
        try:
            recorded = self._read(raw)
        except UnreadableRecordError as error:
            log.warning("event is unreadable", extra={"offset": raw.offset, "reason": str(error)})
            return None
        part.apply(recorded)
        return recorded

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except (UnavailableError, RegistryError) as error:
                log.info("not now; again later", extra={"reason": str(error)})

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a run could not be started", exc_info=error)
