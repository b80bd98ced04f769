"""The monitors as the log says right now, in memory: the fold of all of ``monitor-events``."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence

from api.live_view import TailReader
from api.log_ends import LogEnds
from api.pause import Pause
from api.refusals import ViewBehindError
from schemas.errors import RegistryError
from streams.adapters.records import Records
from streams.domain.monitor import Monitor, evolve
from streams.errors import UnavailableError, UnknownMonitorError, UnreadableRecordError
from streams.ports import RawRecord, RecordReader
from streams.topics import MONITOR_EVENTS

log = logging.getLogger(__name__)

MONITOR_ID = re.compile(r"[0-9a-f]{32}")
MOST_AT_ONCE = 500  # records folded before others may run: about 20 ms
CATCH_UP_S = 2.0


class MonitorView:
    """Every monitor, folded as the scheduler folds it. ``run`` reads the topic from its start.

    A change that any process has made a moment ago is waited for, so nobody is told what stood
    before it.
    """

    def __init__(
        self, *, reader: TailReader, records: Records, ends_reader: RecordReader | None = None
    ) -> None:
        """``ends_reader``: another connection for questions; by default ``reader``."""
        self._reader = reader
        self._records = records
        self._ends = LogEnds(ends_reader or reader, MONITOR_EVENTS)
        self._monitors: dict[str, Monitor] = {}
        self._positions: dict[int, int] = {}
        self._moved = asyncio.Event()

    async def find(self, monitor_id: str) -> Monitor:
        """The monitor as it stands, also a deleted one.

        Raises:
            UnknownMonitorError: there is none.
            UnavailableError: whether there is one cannot be said now; ask again.
        """
        if not MONITOR_ID.fullmatch(monitor_id):
            raise UnknownMonitorError(monitor_id[:64])
        await self._catch_up()
        found = self._monitors.get(monitor_id)
        if found is None:
            raise UnknownMonitorError(monitor_id)
        return found

    async def all(self) -> Sequence[Monitor]:
        """All that are not deleted, newest first. Raises UnavailableError: ask again."""
        await self._catch_up()
        found = [each for each in self._monitors.values() if not each.is_deleted]
        return sorted(found, key=lambda each: (each.created_at, each.monitor_id), reverse=True)

    async def has_read(self, ends: Mapping[int, int], timeout_s: float) -> bool:
        """Wait until everything below ``ends`` is read; false when time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                while any(self._positions.get(number, 0) < end for number, end in ends.items()):
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Follow the topic until cancelled. Outages of any part are waited out."""
        pause = Pause()
        is_assigned = False
        while True:
            try:
                if not is_assigned:
                    ends = await self._reader.ends(MONITOR_EVENTS)
                    self._reader.assign({(MONITOR_EVENTS, number): 0 for number in ends})
                    is_assigned = True
                raws = await self._reader.read(timeout_s=0.5, most=MOST_AT_ONCE)
                if raws:
                    await self._learn(raws)
            except UnavailableError as error:
                log.warning("monitors cannot be read", extra={"reason": str(error)})
                await pause.wait()
                continue
            pause = Pause()
            for raw in raws:
                self._apply(raw)
            if raws:
                self._moved.set()
                self._moved = asyncio.Event()
                await asyncio.sleep(0)

    async def _catch_up(self) -> None:
        if not await self.has_read(await self._ends.ask(), CATCH_UP_S):
            raise ViewBehindError("this process has not read all monitors yet; ask again")

    async def _learn(self, raws: Sequence[RawRecord]) -> None:
        pause = Pause()
        while True:
            try:
                return await self._records.learn(raws)
            except RegistryError as error:
                log.warning("a schema of monitors cannot be learnt", extra={"reason": str(error)})
                await pause.wait()

    def _apply(self, raw: RawRecord) -> None:
        self._positions[raw.partition] = raw.offset + 1
        try:
            recorded = self._records.read_monitor(raw)
        except UnreadableRecordError as error:
            where = {"partition": raw.partition, "position": raw.offset}
            log.warning("monitor event left out", extra={**where, "reason": str(error)})
            return
        monitor = evolve(self._monitors.get(recorded.monitor_id), recorded)
        if monitor is not None:
            self._monitors[monitor.monitor_id] = monitor
