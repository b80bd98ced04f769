"""All items of a job, read page by page: what every file of them is made from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from streams.domain.job import Job
from streams.errors import StoreUnavailableError
from streams.exports.text import Item
from streams.ports import ItemPage, JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All items of a job, as many as the store has now; read page by page."""

    store: JobStore
    job: Job
    total: int
    first: ItemPage
    page_size: int

    async def pages(self) -> AsyncIterator[Sequence[Item]]:
        """Exactly ``total`` items.

        Raises:
            StoreUnavailableError: the store does not give all of them: what was sent is no whole.
        """
        page, left = self.first, self.total
        while True:
            items = page.items[:left]
            left -= len(items)
            yield items
            if not left:
                return
            if page.next_after is None:
                raise StoreUnavailableError(
                    f"{left} of {self.total} reviews of job {self.job.job_id} did not come"
                )
            page = await self.store.read_items(
                self.job.job_id, after=page.next_after, limit=self.page_size
            )


async def read_rows(store: JobStore, job: Job, page_size: int) -> Rows:
    """Count and read the first page, so that a store that is away is told by the status.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    total = await store.count_items(job.job_id)
    first = await store.read_items(job.job_id, after=None, limit=page_size)
    return Rows(store=store, job=job, total=total, first=first, page_size=page_size)
