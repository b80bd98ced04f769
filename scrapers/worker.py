"""The worker: takes tasks while it has a free browser, runs them, obeys orders."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from schemas.catalog import item_schema
from schemas.errors import RegistryError
from scrapers.attempt import SHUTDOWN, Attempt, SlotBrowser
from scrapers.attempt_log import AttemptLog
from scrapers.contract import Scraper
from scrapers.known_items import KnownItems
from scrapers.site_gate import SiteGate
from scrapers.slot import Slot
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.records import Records
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import EventLog, RawRecord
from streams.settings import Settings
from streams.topics import SCRAPE_DLQ, TASKS, WORKER_CONTROL

log = logging.getLogger(__name__)

RETRY_S = 0.5
LOW_FIRST_EVERY = 8  # one take in so many looks at low priority first, so that it never starves


class Worker:
    """One process with some browser slots."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        scrapers: Mapping[str, Scraper],
        records: Records,
        event_log: EventLog,
        known_items: KnownItems,
        start_browser: Callable[[], SlotBrowser],
        gate: SiteGate | None = None,
    ) -> None:
        self._gate = gate or SiteGate(settings)
        self._settings = settings
        self._name = name
        self._run = uuid.uuid4().hex[:8]
        self._scrapers = scrapers
        self._records = records
        self._log = event_log
        self._known_items = known_items
        self._threads = ThreadPoolExecutor(settings.worker_slots, thread_name_prefix="slot")
        self._slots = [
            Slot(settings, start_browser, self._threads) for _ in range(settings.worker_slots)
        ]
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        self._running: dict[tuple[str, int], Attempt] = {}
        self._takes = 0

    @property
    def active(self) -> int:
        """Attempts under way."""
        return len(self._running)

    async def run(self, tasks: KafkaReader, orders: KafkaReader) -> None:
        """Work until cancelled; then hand back what is running.

        ``tasks`` is a member of the workers' group; ``orders`` reads ``worker-control``.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._obey(orders))
                for slot in self._slots:
                    group.create_task(self._warm(slot))
                await self._take_tasks(tasks, group)
        finally:
            self._threads.shutdown(wait=False)

    async def _warm(self, slot: Slot) -> None:
        """Start the browser before the first task needs it."""
        await slot.warm()
        self._free.put_nowait(slot)

    async def _take_tasks(self, tasks: KafkaReader, group: asyncio.TaskGroup) -> None:
        attempts: set[asyncio.Task[None]] = set()
        try:
            while True:
                slot = await self._free.get()
                raw = await self._next(tasks)
                attempt = await self._claimed(raw)
                await self._commit(tasks, raw)
                if attempt is None:
                    self._free.put_nowait(slot)
                    continue
                running = asyncio.create_task(self._work(slot, attempt))
                attempts.add(running)
                running.add_done_callback(attempts.discard)
        finally:
            # Hand back at once what is running: its next attempt costs the job nothing.
            for started in list(self._running.values()):
                started.stop(SHUTDOWN)
            if attempts:
                await asyncio.wait(attempts, timeout=self._settings.shutdown_s)
            await asyncio.gather(*(slot.close() for slot in self._slots))

    async def _next(self, tasks: KafkaReader) -> RawRecord:
        """The next task, high priority before normal before low."""
        self._takes += 1
        topics = list(TASKS.values())
        order = topics[::-1] if self._takes % LOW_FIRST_EVERY == 0 else topics
        while True:
            try:
                for topic in order:
                    if found := await tasks.read(timeout_s=0, most=1, topics=[topic]):
                        return found[0]
                if found := await tasks.read(timeout_s=1.0, most=1):
                    return found[0]
            except LogUnavailableError:
                await asyncio.sleep(RETRY_S)

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

    async def _commit(self, tasks: KafkaReader, raw: RawRecord) -> None:
        """From here on the attempt is protected by its lease, not by the task's offset."""
        try:
            await tasks.commit({(raw.topic, raw.partition): raw.offset + 1})
        except LogUnavailableError:
            # The task comes again, to us or another: that claim loses, or finds us gone.
            log.warning("kafka did not take the commit")

    async def _work(self, slot: Slot, attempt: Attempt) -> None:
        task = attempt.task
        key = (task.job_id, task.attempt)
        self._running[key] = attempt
        log.info("attempt started", extra={"job_id": task.job_id, "attempt": task.attempt})
        try:
            async with attempt.watched():
                known = await self._known(task)
                await slot.run(attempt, known)
        except LogUnavailableError:
            log.warning("attempt ended without a word", extra={"job_id": task.job_id})
        finally:
            attempt.end_visit()
            del self._running[key]
            self._free.put_nowait(slot)
            log.info("attempt ended", extra={"job_id": task.job_id, "attempt": task.attempt})

    async def _known(self, task: ScrapeTask) -> frozenset[str]:
        while True:
            try:
                return await self._known_items.read(task, self._scrapers[task.kind].item_id)
            except (LogUnavailableError, RegistryError):
                await asyncio.sleep(RETRY_S)

    async def _obey(self, orders: KafkaReader) -> None:
        while True:
            try:
                raws = await orders.read(timeout_s=1.0)
                await self._records.learn(raws)
            except (LogUnavailableError, RegistryError):
                await asyncio.sleep(RETRY_S)
                continue
            for stop in self._stops_in(raws):
                attempt = self._running.get((stop.job_id, stop.attempt))
                if attempt is not None:
                    attempt.stop(stop.reason)

    def _stops_in(self, raws: Sequence[RawRecord]) -> list[StopAttempt]:
        stops = []
        for raw in raws:
            if raw.key != self._name.encode():
                continue
            try:
                stops.append(self._records.read_stop(raw))
            except UnreadableRecordError as error:
                log.warning("order is unreadable", extra={"reason": str(error)})
        return stops


async def follow_orders(orders: KafkaReader) -> None:
    """Read ``worker-control`` from its end on: earlier orders were for earlier attempts."""
    ends = await orders.ends(WORKER_CONTROL)
    orders.assign({(WORKER_CONTROL, number): end for number, end in ends.items()})
