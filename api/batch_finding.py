"""Finds batches: counted in memory, or to be counted from memory and store."""

from __future__ import annotations

import re

from api.batches import Batch
from api.live_view import LiveView
from api.refusals import ViewBehindError
from streams.errors import UnknownBatchError
from streams.ports import JobStore

BATCH_ID = re.compile(r"[0-9a-f]{32}")
CATCH_UP_S = 10.0  # another process may have taken 25,000 jobs a moment ago


class BatchFinder:
    """Counts of batches, right at once and kept right while events come."""

    def __init__(self, live: LiveView, store: JobStore) -> None:
        self._live = live
        self._store = store

    async def find(self, text: str) -> Batch:
        """The batch with all its jobs.

        Raises:
            UnknownBatchError: there is no such batch.
            UnavailableError: that cannot be said now; ask again.
        """
        batch = await self.find_any(text)
        if batch is None:
            raise UnknownBatchError(text[:64])
        return batch

    async def find_any(self, text: str) -> Batch | None:
        """As ``find``; None when there is no such batch.

        Raises:
            UnavailableError: that cannot be said now; ask again.
        """
        if not BATCH_ID.fullmatch(text):
            return None
        board = self._live.memory.batches
        batch = board.open(text)  # from here on it hears of every change
        if not batch.is_whole:
            await self._fill(batch)
        if not batch.total:
            board.close(text)
            return None
        return batch

    async def _fill(self, batch: Batch) -> None:
        """Everything below where our tail began is in the store, all else is in memory."""
        if not await self._live.is_caught_up(CATCH_UP_S):
            raise ViewBehindError("its newest jobs are not read yet; ask again")
        stored = await self._store.find_batch(batch.batch_id)
        for job in self._live.memory:
            if job.batch_id == batch.batch_id:
                batch.put(job)
        for known in stored:
            if known.job_id not in batch.statuses:
                batch.put(known)
        batch.is_whole = True
