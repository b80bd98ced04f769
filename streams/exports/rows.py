"""All items of a job, read page by page: what every file of them is made from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from streams.domain.job import Job
from streams.errors import StoreUnavailableError
from streams.exports.text import Item
from streams.ports import JobStore, PackedItems

MOST_ROWS = 50_000
PACKED_BYTES = 16_000_000  # of a page; twice that while it comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All items of a job, as many as the store has now; read page by page."""

    store: JobStore
    job: Job
    total: int
    first: PackedItems
    page_size: int
    """Rows of the first page. Those behind it are as many as are small enough in memory."""

    async def pages(self) -> AsyncIterator[Sequence[Item]]:
        """Exactly ``total`` items.

        Raises:
            StoreUnavailableError: the store does not give all of them: what was sent is no whole.
        """
        page, left = self.first, self.total
        while True:
            # Decoded here: each thread that did would keep some megabytes for itself.
            for items in page.parts():
                some = items[:left]
                left -= len(some)
                yield some
                if not left:
                    return
            if not left:
                return
            if page.next_after is None:
                raise StoreUnavailableError(
                    f"{left} of {self.total} reviews of job {self.job.job_id} did not come"
                )
            after, limit = page.next_after, next_limit(page, self.page_size)
            del page  # not beside the next ones
            page = await self.store.read_packed_items(self.job.job_id, after=after, limit=limit)


def next_limit(page: PackedItems, least: int) -> int:
    """How many items to read behind ``page``: the store looks through all of them each time."""
    if not page.size_bytes:
        return least
    return max(least, min(MOST_ROWS, PACKED_BYTES * page.count // page.size_bytes))


async def read_rows(store: JobStore, job: Job, page_size: int) -> Rows:
    """Count and read the first page, so that a store that is away is told by the status.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    total = await store.count_items(job.job_id)
    first = await store.read_packed_items(job.job_id, after=None, limit=page_size)
    return Rows(store=store, job=job, total=total, first=first, page_size=page_size)
