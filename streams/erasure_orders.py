"""Erasures as an operator asks for them, by the command or by the API: look, ask, carry out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.adapters.clickhouse import ClickHouse
from streams.domain.erasure import Subject
from streams.erasing import Erased, Eraser
from streams.erasure_plan import planned
from streams.erasure_search import fingerprint_of
from streams.errors import NoJobOfPlaceError, OpenJobsError


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasurePreview:
    """What an erasure would take with it."""

    jobs: int
    open_jobs: int
    """Those of them that are not over: they must be first."""
    rows: Mapping[str, int]
    """By table."""


class ErasureOrders:
    """Takes orders for an ``Eraser``."""

    def __init__(self, clickhouse: ClickHouse, eraser: Eraser) -> None:
        self._clickhouse = clickhouse
        self.eraser = eraser

    async def preview(self, subject: Subject, text: str) -> ErasurePreview:
        """Count, and leave all as it is. Raises as ``planned`` does."""
        plan = await planned(self._clickhouse, subject, text)
        authors = [fingerprint_of(subject, text)] if subject is Subject.AUTHOR else []
        return ErasurePreview(
            jobs=len(plan.job_ids),
            open_jobs=len(plan.open_job_ids),
            rows=await self.eraser.counts(plan.job_ids, authors),
        )

    async def request(self, subject: Subject, text: str) -> str:
        """Append the erasure; its id, for ``carry_out``.

        Raises:
            OpenJobsError: some of its jobs are not over.
            NoJobOfPlaceError: there is nothing to forget.
            InvalidRequestError, UnknownJobError: as ``planned`` does.
        """
        plan = await planned(self._clickhouse, subject, text)
        if plan.open_job_ids:
            raise OpenJobsError(plan.open_job_ids)
        if not plan.job_ids and subject is Subject.PLACE:
            raise NoJobOfPlaceError(text[:200])
        return await self.eraser.request(subject, text, plan.job_ids)

    async def carry_out(self, erasure_id: str, text: str = "") -> Erased:
        """Empty, search, and say what came of it. Raises as ``Eraser.carry_out`` does."""
        return await self.eraser.carry_out(erasure_id, text)
