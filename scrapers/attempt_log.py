"""What one attempt puts into the log: its events, its items, and where those lie."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from scrapers.contract import Described, Extracted, Item
from streams.domain.events import (
    AttemptFailed,
    AttemptReleased,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    ExtractionReported,
    ItemsSpan,
    JobEvent,
    ProgressReported,
    TargetDescribed,
)
from streams.domain.ids import item_event_id
from streams.domain.items import NewItem, Position
from streams.domain.recorded import new_event
from streams.domain.tasks import ScrapeTask
from streams.errors import LogUnavailableError
from streams.ports import EventLog

log = logging.getLogger(__name__)
T = TypeVar("T")

RETRY_S = 0.5
LONGEST_MESSAGE = 1_000


class AttemptLog:
    """Writes for one attempt. Whatever must not be lost is written until it is stored."""

    def __init__(
        self,
        task: ScrapeTask,
        event_log: EventLog,
        *,
        worker: str,
        run: str,
        item_schema: str,
        item_id: str,
        is_refused: Callable[[Item], bool] = lambda _: False,
    ) -> None:
        """``is_refused``: an item that must not be stored, whose author has objected."""
        self._task = task
        self._is_refused = is_refused
        self._log = event_log
        self._worker = worker
        self._run = run
        """Tells processes of one worker name apart, in event ids."""
        self._item_schema = item_schema
        self._item_id = item_id
        self._ids: set[str] = set()
        self._span = task.items
        self._ordinal = 0
        self._selectors = Counter[str]()
        self._sources = Counter[str]()
        self.is_given_up = False
        """Set when nobody waits for our word any more: then nothing is insisted on."""
        self.is_ended = False
        """Whether the attempt's last event is in the log."""
        self.appended_s = 0.0
        """When an event was last appended, on this process's own clock, seconds."""

    @property
    def items_count(self) -> int:
        """Distinct items of the job that are in the log, as far as this attempt knows."""
        return len(self._ids)

    @property
    def known_ids(self) -> frozenset[str]:
        """Ids of those items."""
        return frozenset(self._ids)

    @property
    def extracted(self) -> Extracted:
        """How the attempt has read its items so far, in all its browsers."""
        return Extracted(selectors=dict(self._selectors), sources=dict(self._sources))

    def know(self, ids: frozenset[str]) -> None:
        """Items that earlier attempts have emitted."""
        self._ids.update(ids)

    async def claim(self, lease_s: float) -> None:
        """Say that the attempt is ours. Raises LogUnavailableError: then it is not."""
        await self._append(
            AttemptStarted(attempt=self._task.attempt, worker=self._worker, lease_s=lease_s)
        )

    async def describe(self, described: Described) -> None:
        """Say what the target is."""
        await self._append_surely(
            TargetDescribed(
                attempt=self._task.attempt,
                worker=self._worker,
                title=described.title,
                items_total=described.items_total,
                facts=described.facts,
            )
        )

    async def add_items(self, items: Sequence[Item], stage: str) -> None:
        """Append those that are new to the job.

        Raises:
            InvalidItemError: one does not fit its schema; none of ``items`` was appended.
        """
        wanted = (item for item in items if not self._is_refused(item))
        found = {str(item[self._item_id]): item for item in wanted}
        fresh = {item_id: item for item_id, item in found.items() if item_id not in self._ids}
        if not fresh:
            return
        new = [self._new_item(item_id, item) for item_id, item in fresh.items()]
        positions = await self._surely(lambda: self._log.append_items(new))
        self._ids.update(fresh)
        is_first = self._span is None
        self._span = _span_of(positions).joined(self._span)
        if is_first:
            await self.progress(stage)  # the next attempt finds the items by this

    def count(self, extracted: Extracted) -> None:
        """Add to what the attempt says at its end of how it has read its items."""
        self._selectors.update(extracted.selectors)
        self._sources.update(extracted.sources)

    async def progress(self, stage: str) -> None:
        """Say where it stands; one that is not stored is followed by the next."""
        progress = ProgressReported(
            attempt=self._task.attempt,
            worker=self._worker,
            stage=stage,
            items_seen=len(self._ids),
            items=self._span,
        )
        try:
            await self._append(progress)
        except LogUnavailableError:
            log.warning("progress was not stored", extra={"job_id": self._task.job_id})

    async def succeed(self, outcome: str, message: str) -> None:
        """Say that the scrape came to its end."""
        await self._append_last(
            AttemptSucceeded(
                attempt=self._task.attempt,
                worker=self._worker,
                outcome=outcome,
                message=message,
                items_count=len(self._ids),
                items=self._span,
            )
        )

    async def fail(
        self, reason: str, message: str, *, may_retry: bool, retry_after_s: float | None = None
    ) -> None:
        """Say that it gave up; ``retry_after_s``: the earliest next try."""
        await self._append_last(
            AttemptFailed(
                attempt=self._task.attempt,
                worker=self._worker,
                reason=reason,
                message=message[:LONGEST_MESSAGE],
                may_retry=may_retry,
                items_count=len(self._ids),
                items=self._span,
                retry_after_s=retry_after_s,
            )
        )

    async def stopped(self, reason: str, *, retry_after_s: float | None = None) -> None:
        """Say that it was ended from outside; ``retry_after_s``: the earliest next try."""
        await self._append_last(
            AttemptStopped(
                attempt=self._task.attempt,
                worker=self._worker,
                reason=reason,
                items_count=len(self._ids),
                items=self._span,
                retry_after_s=retry_after_s,
            )
        )

    async def released(self, reason: str) -> None:
        """Say that it is handed back, for another worker to go on."""
        await self._append_last(
            AttemptReleased(
                attempt=self._task.attempt,
                worker=self._worker,
                reason=reason,
                items_count=len(self._ids),
                items=self._span,
            )
        )

    async def _append(self, event: JobEvent) -> None:
        self._ordinal += 1
        await self._append_as(event, self._ordinal)

    async def _append_surely(self, event: JobEvent) -> None:
        self._ordinal += 1
        ordinal = self._ordinal  # the same id for each try
        await self._surely(lambda: self._append_as(event, ordinal))

    async def _append_last(self, event: JobEvent) -> None:
        if self._selectors or self._sources:
            await self._append_surely(
                ExtractionReported(
                    attempt=self._task.attempt,
                    worker=self._worker,
                    selectors=self._selectors,
                    sources=self._sources,
                )
            )
        await self._append_surely(event)
        self.is_ended = True

    async def _append_as(self, event: JobEvent, ordinal: int) -> None:
        self.appended_s = time.monotonic()
        new = new_event(
            self._task.job_id,
            self._task.tenant,
            event,
            datetime.now(UTC),
            ordinal=f"{self._worker}:{self._run}:{ordinal}",
            traceparent=self._task.traceparent,
        )
        await self._log.append([new])

    async def _surely(self, append: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await append()
            except LogUnavailableError:
                if self.is_given_up:
                    raise
                log.warning("not stored; trying again", extra={"job_id": self._task.job_id})
                await asyncio.sleep(RETRY_S)

    def _new_item(self, item_id: str, item: Item) -> NewItem:
        return NewItem(
            job_id=self._task.job_id,
            tenant=self._task.tenant,
            event_id=item_event_id(self._task.job_id, item_id),
            occurred_at=datetime.now(UTC),
            schema=self._item_schema,
            fields=item,
            traceparent=self._task.traceparent,
        )


def _span_of(positions: Sequence[Position]) -> ItemsSpan:
    offsets = [position.offset for position in positions]
    return ItemsSpan(partition=positions[0].partition, first=min(offsets), end=max(offsets) + 1)
