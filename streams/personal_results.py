"""Files of results, for erasures: deleted with their job, written anew without an author."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.results import results_key
from streams.ports import JobStore, ResultFiles
from streams.results import GZIP, ResultsWriter


class PersonalResults:
    """``PersonalFiles`` in the storage of results. Without one, files that exist are told."""

    name = "result files"

    def __init__(self, store: JobStore, files: ResultFiles | None) -> None:
        self._store = store
        self._files = files

    async def forget(self, job_ids: Sequence[str]) -> int:
        """Delete the files of these jobs; how many there were."""
        found = await self._existing(job_ids)
        if self._files is not None:
            await self._files.delete(found)
        return len(found) if self._files is not None else 0

    async def renew(self, job_ids: Sequence[str]) -> int:
        """Write the files of these jobs anew, from what the store still has."""
        if self._files is None:
            return 0
        writer, count = ResultsWriter(self._store, self._files), 0
        for job in await self._jobs(job_ids):
            if await self._files.find_size(_key(job)) is not None:
                await writer.write(job)
                count += 1
        return count

    async def count(
        self, gone: Sequence[str], renewed: Sequence[str], needles: Sequence[str]
    ) -> int:
        """Files that are there of ``gone`` jobs, and those of the others with such a text."""
        found = len(await self._existing(gone))
        for key in await self._existing(renewed):
            found += await self._holds(key, [needle.encode() for needle in needles])
        return found

    async def _holds(self, key: str, needles: Sequence[bytes]) -> bool:
        pieces = None if self._files is None else await self._files.read(key)
        if pieces is None:
            return True  # it is said to exist, and nobody can look into it
        plain, unpacker = b"", zlib.decompressobj(wbits=GZIP)
        longest = max((len(each) for each in needles), default=0)
        async for piece in pieces:
            plain = plain[-longest:] + unpacker.decompress(piece)
            if any(needle in plain for needle in needles):
                return True
        return False

    async def _existing(self, job_ids: Sequence[str]) -> list[str]:
        jobs = await self._jobs(job_ids)
        if self._files is None:
            return [job.results.key for job in jobs if job.results is not None]
        return [_key(job) for job in jobs if await self._files.find_size(_key(job)) is not None]

    async def _jobs(self, job_ids: Sequence[str]) -> list[Job]:
        """Those that have ended."""
        found = await self._store.find_many([JobId(job_id) for job_id in job_ids])
        return [job for job in found.values() if job.completed_at is not None]


def _key(job: Job) -> str:
    assert job.completed_at is not None  # noqa: S101 - only ended jobs are asked about
    return job.results.key if job.results else results_key(job.job_id, job.completed_at)
