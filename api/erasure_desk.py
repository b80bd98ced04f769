"""Erasures of an API process: done behind it when asked for here, and all told from the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from streams.domain.erasure import (
    ErasureCompleted,
    ErasureRequested,
    RecordedErasure,
    Subject,
    job_ids_in,
)
from streams.erasing import Erased
from streams.erasure_book import ErasureBook
from streams.erasure_orders import ErasureOrders, ErasurePreview
from streams.errors import ScrapestreamError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureState:
    """An erasure as the log has it, and what this process knows of its work."""

    erasure_id: str
    subject: Subject
    subject_hash: str
    jobs: int
    requested_at: datetime
    completed_at: datetime | None = None
    """When its proof was found; None: not yet."""
    proof: ErasureCompleted | None = None
    is_running: bool = False
    """Whether this process does it, or will next."""
    tried: Erased | None = None
    """What this process did, proved or not."""
    reason: str = ""
    """Why this process could not end it."""


class ErasureDesk:
    """Takes erasures on, and does one after the other. One that is interrupted stays open in the
    log, and counts; ``scrapestream forget --resume`` ends it."""

    def __init__(
        self,
        book: ErasureBook,
        open_orders: Callable[[], AbstractAsyncContextManager[ErasureOrders]],
    ) -> None:
        """``open_orders``: connects; each erasure has connections of its own."""
        self._book = book
        self._open_orders = open_orders
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._running: set[str] = set()
        self._tried: dict[str, Erased] = {}
        self._reasons: dict[str, str] = {}

    async def preview(self, subject: Subject, text: str) -> ErasurePreview:
        """What would be erased. Raises as ``ErasureOrders.preview`` does."""
        async with self._open_orders() as orders:
            return await orders.preview(subject, text)

    async def request(self, subject: Subject, text: str) -> str:
        """Append an erasure, and let ``run`` carry it out; its id.

        Raises as ``ErasureOrders.request`` does.
        """
        async with self._open_orders() as orders:
            erasure_id = await orders.request(subject, text)
        self._running.add(erasure_id)
        self._waiting.put_nowait((erasure_id, text))
        return erasure_id

    async def run(self) -> None:
        """Carry out what was asked for, until cancelled."""
        while True:
            erasure_id, text = await self._waiting.get()
            try:
                await self._carry_out(erasure_id, text)
            finally:
                self._running.discard(erasure_id)

    async def find(self, erasure_id: str) -> ErasureState | None:
        """An erasure as the log has it now. Raises LogUnavailableError."""
        await self._book.catch_up()
        recorded = self._book.history.get(erasure_id)
        return None if recorded is None else self._state(erasure_id, recorded)

    async def all(self) -> Sequence[ErasureState]:
        """All of them, in the order of the log. Raises LogUnavailableError."""
        await self._book.catch_up()
        return [self._state(each, recorded) for each, recorded in self._book.history.items()]

    async def _carry_out(self, erasure_id: str, text: str) -> None:
        try:
            async with self._open_orders() as orders:
                erased = await orders.carry_out(erasure_id, text)
        except ScrapestreamError as error:
            self._reasons[erasure_id] = str(error)
            log.warning("erasure failed", extra={"erasure_id": erasure_id, "reason": str(error)})
        except Exception:  # whatever it is, the API goes on, and the erasure stays open
            self._reasons[erasure_id] = "something is wrong on our side: see the log of the API"
            log.exception("erasure failed", extra={"erasure_id": erasure_id})
        else:
            self._tried[erasure_id] = erased
            if not erased.is_proved:
                self._reasons[erasure_id] = "something is still found: `remaining` says where"

    def _state(self, erasure_id: str, recorded: Sequence[RecordedErasure]) -> ErasureState:
        requests = [each.event for each in recorded if isinstance(each.event, ErasureRequested)]
        proofs = [
            (each.occurred_at, each.event)
            for each in recorded
            if isinstance(each.event, ErasureCompleted)
        ]
        is_running = erasure_id in self._running
        # The proof is in the log a moment before this process knows all that it tells of it.
        completed_at, proof = proofs[-1] if proofs and not is_running else (None, None)
        return ErasureState(
            erasure_id=erasure_id,
            subject=requests[0].subject,
            subject_hash=requests[0].subject_hash,
            jobs=len(job_ids_in(requests)),
            requested_at=recorded[0].occurred_at,
            completed_at=completed_at,
            proof=proof,
            is_running=is_running,
            tried=self._tried.get(erasure_id),
            reason="" if proof else self._reasons.get(erasure_id, ""),
        )
