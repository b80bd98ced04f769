"""``GET /jobs/{id}/file``: the stored file of a job's results, or the way to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from api.parts import Api
from api.routes.resource import resource
from streams.domain.job import Job, ResultsFile
from streams.domain.results import day_of, expires_at, owes_file
from streams.errors import ResultsUnavailableError, ScrapestreamError
from streams.ports import ResultFiles

MEDIA_TYPE = "application/gzip"
PENDING = timedelta(days=1)
"""Time after a job's end in which its file may still come; then it ended before files were kept."""


class NoResultsFileError(ScrapestreamError):
    """The job has no file, and none is on its way."""

    code = "results.none"


class ResultsGoneError(ScrapestreamError):
    """The job had a file."""

    code = "results.gone"


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    days = api.parts.settings.results_days

    async def read_file(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        files = api.parts.files
        if files is None:
            raise NoResultsFileError(
                "results are not kept as files here (SCRAPESTREAM_RESULTS_URL): "
                f"GET /jobs/{job.job_id}/reviews has them"
            )
        if job.results is None and not job.is_open:
            # Memory may have taken an ended job over from a store that was behind.
            known = await api.parts.store.find_job(job.job_id)
            job = known if known is not None and known.offset > job.offset else job
        stored = file_of(job, datetime.now(UTC), days)
        size_bytes = await files.find_size(stored.key)
        if size_bytes is None:
            raise ResultsGoneError(f"the file of job {job.job_id} was deleted")
        link = await files.make_link(stored.key)
        if link is not None:
            return RedirectResponse(link, 307, headers={"Cache-Control": "private, no-store"})
        return await _handed_on(request, files, job, stored, size_bytes)

    return [resource("/jobs/{job_id}/file", get=read_file)]


def file_of(job: Job, now: datetime, days: int) -> ResultsFile:
    """What the log says of the job's file, which is kept for ``days`` whole days. Pure.

    Raises:
        NoResultsFileError, ResultsGoneError: there is none.
        ResultsUnavailableError: it is on its way.
    """
    if job.results is not None:
        day = day_of(job.results.key)
        end = expires_at(day, days) if day else None
        if end is not None and end <= now:
            raise ResultsGoneError(f"the file of job {job.job_id} was kept until {end:%Y-%m-%d}")
        return job.results
    if job.is_open:
        raise NoResultsFileError(f"job {job.job_id} has not ended; its file comes after its end")
    if owes_file(job) and job.completed_at and now - job.completed_at < PENDING:
        raise ResultsUnavailableError(f"the file of job {job.job_id} is not stored yet; ask again")
    raise NoResultsFileError(f"job {job.job_id} ended without a file of results")


async def _handed_on(
    request: Request, files: ResultFiles, job: Job, stored: ResultsFile, size_bytes: int
) -> Response:
    tag = f'"{stored.sha256}"' if size_bytes == stored.size_bytes else ""
    headers = {
        "Content-Length": str(size_bytes),
        "Content-Disposition": f'attachment; filename="reviews-{job.job_id}.json.gz"',
        "Cache-Control": "private, no-cache",
    }
    if tag:  # written anew since, the file is no longer the one that the log speaks of
        headers |= {"ETag": tag, "X-Total-Count": str(stored.rows)}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
    if request.method == "HEAD":
        return Response(headers=headers, media_type=MEDIA_TYPE)
    pieces = await files.read(stored.key)
    if pieces is None:
        raise ResultsGoneError(f"the file of job {job.job_id} was deleted")
    return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPE)
