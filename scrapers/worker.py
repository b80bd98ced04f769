"""The worker: takes tasks while it has a free slot, runs them, obeys orders, says how it is."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import zip_longest

from schemas.catalog import item_schema
from schemas.errors import RegistryError
from scrapers.attempt import SHUTDOWN, Attempt
from scrapers.attempt_log import AttemptLog
from scrapers.bare_page import NoBrowser
from scrapers.contract import Scraper, SlotBrowser
from scrapers.extraction import log_extraction
from scrapers.known_items import KnownItems
from scrapers.metrics import WorkerMetrics
from scrapers.reporter import Reporter
from scrapers.site_gate import SiteGate
from scrapers.slot import Slot
from scrapers.task_queue import TaskQueue, TaskReader
from streams.adapters.records import Records
from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import EventLog, RawRecord, RecordReader
from streams.settings import Settings
from streams.topics import SCRAPE_DLQ

log = logging.getLogger(__name__)

RETRY_S = 0.5


class Worker:
    """One process with some slots, each for one attempt at a time."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        scrapers: Mapping[str, Scraper],
        records: Records,
        event_log: EventLog,
        known_items: KnownItems,
        start_browser: Callable[[], SlotBrowser],
        metrics: WorkerMetrics,
        *,
        gate: SiteGate | None = None,
        version: str = "",
    ) -> None:
        """``scrapers``: the kinds that it takes."""
        self._gate = gate or SiteGate(settings)
        self._settings = settings
        self._name = name
        self._run = uuid.uuid4().hex[:8]
        self._version = version
        self._scrapers = scrapers
        self._records = records
        self._log = event_log
        self._known_items = known_items
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(settings.worker_slots, thread_name_prefix="slot")
        self._slots = [
            Slot(settings, start_browser, self._threads) for _ in range(settings.worker_slots)
        ]
        self._idle: list[Slot] = []
        self._running: dict[tuple[str, int], Attempt] = {}
        self._may_take = asyncio.Event()
        """Set while a slot is idle and it does not drain."""
        self._is_draining = False
        self._is_leaving = self._is_stopped = False
        self._tasks: TaskQueue | None = None
        self._started_at = datetime.now(UTC)
        self._reporter = Reporter(event_log, self.report)

    @property
    def active(self) -> int:
        """Attempts under way."""
        return len(self._running)

    def report(self, memory_bytes: int = 0) -> WorkerReported:
        """How it is now."""
        return WorkerReported(
            worker=self._name,
            host=socket.gethostname(),
            version=self._version,
            occurred_at=datetime.now(UTC),
            started_at=self._started_at,
            slots=len(self._slots),
            free=0 if self._is_draining else len(self._idle),
            running=[attempt.told for attempt in self._running.values()],
            kinds=sorted(self._scrapers),
            partitions=[] if self._tasks is None else self._tasks.partitions(),
            memory_bytes=memory_bytes,
            is_draining=self._is_draining,
            is_stopped=self._is_stopped,
        )

    def moved(self) -> None:
        """Tell the world that partitions have come or gone."""
        self._reporter.changed()

    async def run(self, reader: TaskReader, orders: RecordReader) -> None:
        """Work until cancelled; then let attempts end for ``grace_s``, and hand back the rest.

        ``reader`` is a member of the workers' group; ``orders`` reads ``worker-control``.
        """
        tasks = self._tasks = TaskQueue(reader)
        attempts: set[asyncio.Task[None]] = set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._obey(orders))
                group.create_task(self._reporter.run())
                for slot in self._slots:
                    group.create_task(self._warm(slot))
                try:
                    await self._take_tasks(tasks, attempts)
                finally:
                    # Orders and reports go on while the last attempts end.
                    await self._finish(tasks, attempts)
        finally:
            self._is_stopped = True
            await self._reporter.say_last()
            self._threads.shutdown(wait=False)

    async def _warm(self, slot: Slot) -> None:
        if any(scraper.needs_browser for scraper in self._scrapers.values()):
            await slot.get_ready()
        self._rest(slot)

    def _rest(self, slot: Slot) -> None:
        """The slot is free."""
        self._idle.append(slot)
        self._look_for_room()

    def _look_for_room(self) -> None:
        if self._idle and not self._is_draining:
            self._may_take.set()
        else:
            self._may_take.clear()
        self._reporter.changed()

    def drain(self, *, undo: bool = False) -> None:
        """Take no more tasks, and finish what runs; ``undo``: take tasks again."""
        if self._is_leaving:
            return
        log.info("worker takes tasks again" if undo else "worker takes no more tasks")
        self._is_draining = not undo
        self._look_for_room()

    async def _take_tasks(self, tasks: TaskQueue, attempts: set[asyncio.Task[None]]) -> None:
        while True:
            await self._may_take.wait()
            raws = await tasks.next(self._may_take.is_set, most=len(self._idle))
            if not raws:
                continue
            taking = asyncio.create_task(self._take(tasks, raws, attempts))
            try:
                await asyncio.shield(taking)
            except asyncio.CancelledError:
                # A claim that is half done would be ours without anybody at work on it.
                await asyncio.wait([taking], timeout=self._settings.shutdown_s)
                raise

    async def _take(
        self, tasks: TaskQueue, raws: Sequence[RawRecord], attempts: set[asyncio.Task[None]]
    ) -> None:
        """Claim the tasks' attempts, side by side, and begin them."""
        slots = [self._idle.pop() for _ in raws]
        claimed: Sequence[Attempt | None] = ()
        try:
            claimed = await asyncio.gather(*map(self._claimed, raws))
            await tasks.commit(raws)
        finally:
            for slot, attempt in zip_longest(slots, claimed):
                if attempt is None:
                    self._rest(slot)
                else:
                    self._running[attempt.task.job_id, attempt.task.attempt] = attempt
                    attempts.add(running := asyncio.create_task(self._work(slot, attempt)))
                    running.add_done_callback(attempts.discard)
        self._look_for_room()

    async def _finish(self, tasks: TaskQueue, attempts: set[asyncio.Task[None]]) -> None:
        """Give running attempts their time, hand back the rest, end the browsers."""
        try:
            self.drain()
            self._is_leaving = True
            tasks.leave()
            if attempts:
                log.info("attempts may end", extra={"attempts": len(attempts)})
                await asyncio.wait(attempts, timeout=self._settings.grace_s)
        finally:
            # Their next attempts cost the jobs nothing, and are due at once.
            for started in list(self._running.values()):
                started.stop(SHUTDOWN)
            if attempts:
                await asyncio.wait(attempts, timeout=self._settings.shutdown_s)
            await asyncio.gather(*(slot.close() for slot in self._slots))

    async def _claimed(self, raw: RawRecord) -> Attempt | None:
        """The attempt of a task, claimed in the log; None when it has ended already."""
        while True:
            try:
                await self._records.learn([raw])
                return await self._claim(self._records.read_task(raw))
            except UnreadableRecordError as error:
                # Its job is offered again by the orchestrator, as a task that can be read.
                log.warning("task is unreadable", extra={"reason": str(error)})
                try:
                    await self._log.reject(raw, str(error), to=SCRAPE_DLQ)
                    return None
                except LogUnavailableError:
                    await asyncio.sleep(RETRY_S)
            except (LogUnavailableError, RegistryError):
                await asyncio.sleep(RETRY_S)

    async def _claim(self, task: ScrapeTask) -> Attempt | None:
        scraper = self._scrapers.get(task.kind)
        attempt_log = AttemptLog(
            task,
            self._log,
            worker=self._name,
            run=self._run,
            item_schema=item_schema(scraper.item_schema).name if scraper else "",
            item_id=scraper.item_id if scraper else "",
            is_refused=self._records.erasures.is_by_forgotten_author,
        )
        await attempt_log.claim(self._settings.lease_s)
        if scraper is None:
            text = f"this worker has no scraper {task.kind!r}; is it older than the API?"
            await attempt_log.fail("scraper.unknown", text, may_retry=True)
            return None
        visit = await self._gate.admit_task(task, attempt_log)
        if visit is None:
            return None
        return Attempt(task, scraper, attempt_log, self._settings, visit)

    async def _work(self, slot: Slot, attempt: Attempt) -> None:
        task = attempt.task
        needs_browser = self._scrapers[task.kind].needs_browser
        place = slot if needs_browser else Slot(self._settings, NoBrowser, self._threads)
        log.info("attempt started", extra={"job_id": task.job_id, "attempt": task.attempt})
        try:
            async with attempt.watched():
                known = await self._known(task)
                await place.run(attempt, known)
        except LogUnavailableError:
            log.warning("attempt ended without a word", extra={"job_id": task.job_id})
        finally:
            attempt.end_visit()
            log_extraction(task, attempt.scraper, attempt.extracted)
            self._metrics.extracted(attempt.scraper, attempt.extracted)
            del self._running[task.job_id, task.attempt]
            self._rest(slot)
            log.info("attempt ended", extra={"job_id": task.job_id, "attempt": task.attempt})
        if needs_browser and not self._is_leaving:  # the next attempt is claimed meanwhile
            await slot.get_ready()

    async def _known(self, task: ScrapeTask) -> frozenset[str]:
        while True:
            try:
                return await self._known_items.read(task, self._scrapers[task.kind].item_id)
            except (LogUnavailableError, RegistryError):
                await asyncio.sleep(RETRY_S)

    async def _obey(self, orders: RecordReader) -> None:
        while True:
            try:
                raws = await orders.read(timeout_s=1.0)
                await self._records.learn(raws)
            except (LogUnavailableError, RegistryError):
                await asyncio.sleep(RETRY_S)
                continue
            for raw in raws:
                if raw.key == self._name.encode():
                    self._obey_one(raw)

    def _obey_one(self, raw: RawRecord) -> None:
        try:
            order = self._records.read_order(raw)
        except UnreadableRecordError as error:
            log.warning("order is unreadable", extra={"reason": str(error)})
            return
        match order:
            case StopAttempt(job_id=job_id, attempt=number, reason=reason):
                attempt = self._running.get((job_id, number))
                if attempt is not None:
                    attempt.stop(reason)
            case DrainWorker(undo=undo):
                self.drain(undo=undo)
