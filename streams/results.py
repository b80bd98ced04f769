"""Files of results: one job's file written as a stream, and expired ones deleted."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from streams.domain.events import ResultsStored
from streams.domain.job import Job
from streams.domain.results import expired_keys, may_have_expired, results_key
from streams.exports.rows import Rows, read_rows
from streams.exports.text import Item, JsonObject, json_head
from streams.ports import JobStore, ResultFiles

ROWS_A_PAGE = 5_000  # the first; those behind it are as many as are small enough
GZIP = 16 + zlib.MAX_WBITS  # no time in its head: the same rows give the same bytes


class ResultsWriter:
    """Writes what ``GET /jobs/{id}/reviews`` answers, gzipped, under the job's key."""

    def __init__(self, store: JobStore, files: ResultFiles) -> None:
        self._store = store
        self._files = files

    async def write(self, job: Job) -> ResultsStored:
        """Write the file of an ended job, or write it anew. All of its items must be stored.

        Raises:
            StoreUnavailableError, ResultsUnavailableError: there is no new file; try again.
        """
        assert job.completed_at is not None  # noqa: S101 - it has ended
        rows = await read_rows(self._store, job, ROWS_A_PAGE)
        body = _Body(rows)
        # A file that is written anew keeps its place, whatever becomes of the naming.
        key = job.results.key if job.results else results_key(job.job_id, job.completed_at)
        await self._files.put(key, body.pieces())
        return ResultsStored(
            key=key,
            size_bytes=body.size_bytes,
            rows=rows.total,
            sha256=body.digest.hexdigest(),
        )


class _Body:
    """The file's bytes, of which one page is in memory at a time."""

    def __init__(self, rows: Rows) -> None:
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self._rows = rows
        self._gzip = zlib.compressobj(wbits=GZIP)

    async def pieces(self) -> AsyncIterator[bytes]:
        writer = JsonObject(json_head(self._rows.job))

        def packed(items: Sequence[Item]) -> bytes:
            return self._packed(writer.add(items))

        head = self._packed(writer.begin())
        async for items in self._rows.pages():
            yield head + await asyncio.to_thread(packed, items)
            head = b""
        yield head + self._packed(writer.end(self._rows.total), is_last=True)

    def _packed(self, plain: bytes, *, is_last: bool = False) -> bytes:
        packed = self._gzip.compress(plain)
        if is_last:
            packed += self._gzip.flush()
        self.size_bytes += len(packed)
        self.digest.update(packed)
        return packed


async def delete_expired(files: ResultFiles, now: datetime, days: int) -> int:
    """Delete files that are older than ``days`` whole days; how many they were.

    Folders of days that are kept are not looked into, and what has no key of ours is left.

    Raises:
        ResultsUnavailableError: the rest is still there; run it again.
    """
    count = 0
    folders = [""]
    while folders:
        listing = await files.list_below(folders.pop())
        folders += [each for each in listing.folders if may_have_expired(each, now, days)]
        expired = expired_keys(listing.keys, now, days)
        await files.delete(expired)
        count += len(expired)
    return count
