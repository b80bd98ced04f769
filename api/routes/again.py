"""Ended jobs are tried again, one or many; many are cancelled at once by a filter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.appending import append_all
from api.middleware.trace import traceparent_of
from api.parts import Api
from api.payloads import json_response
from api.pressure import check_room
from api.refusals import ConflictError
from api.repeating import check_retryable, cloned, retried
from api.requests import read_body
from api.routes.resource import resource
from api.routes.scrape import REPLAYED, append
from streams.domain.decide import CancelScrape, decide
from streams.domain.ids import JobId, retry_job_id
from streams.domain.job import OPEN_STATUSES, WHOLE_OUTCOMES, Job, Status
from streams.domain.recorded import NewEvent, new_event
from streams.errors import InvalidRequestError, UnknownJobError
from streams.ports import JobQuery

MOST_AT_ONCE = 5_000
ENDED = frozenset(Status) - OPEN_STATUSES

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Filter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of ``POST /jobs/retry`` and ``POST /jobs/cancel``."""

    status: list[Status] = []
    kind: str = ""
    url_prefix: str = ""
    batch_id: str = ""
    created_from: Moment | None = None
    created_before: Moment | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)] = 1_000
    dry_run: bool = False


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def retry(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        check_retryable(job)
        job_id = retry_job_id(job.job_id)
        if await _is_known(api, job_id):
            return _accepted(api, job_id, {"retry_of": job.job_id}, REPLAYED)
        check_room(api, 1)
        recorded = await append(api, await retried(api, job, traceparent_of(request)))
        api.parts.live.note(recorded)
        return _accepted(api, job_id, {"retry_of": job.job_id})

    async def clone(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        check_room(api, 1)
        recorded = await append(api, await cloned(api, job, traceparent_of(request)))
        api.parts.live.note(recorded)
        return _accepted(api, recorded.job_id, {"cloned_from": job.job_id})

    async def retry_many(request: Request) -> Response:
        asked = await read_body(request, Filter)
        jobs, has_more = await _jobs(api, asked, ENDED)
        jobs = [job for job in jobs if not _is_whole(job)]
        results: list[dict[str, Any]] = []
        events: list[NewEvent] = []
        known = await api.parts.store.find_many([retry_job_id(job.job_id) for job in jobs])
        for job in jobs:
            new_id = retry_job_id(job.job_id)
            result = "would be retried"
            if new_id in known or api.parts.live.find(new_id) is not None:
                result = "was retried before"
            elif not asked.dry_run:
                try:
                    events.append(await retried(api, job, traceparent_of(request)))
                    result = "retried"
                except ConflictError as error:
                    result = f"failed: {error}"
            results.append({"job_id": job.job_id, "result": result, "retry_job_id": new_id})
        check_room(api, len(events))
        await append_all(api, events)
        return _results(asked, results, has_more)

    async def cancel_many(request: Request) -> Response:
        asked = await read_body(request, Filter)
        jobs, has_more = await _jobs(api, asked, OPEN_STATUSES)
        now, traceparent = datetime.now(UTC), traceparent_of(request)
        results: list[dict[str, Any]] = []
        events: list[NewEvent] = []
        for job in jobs:
            decided = decide(CancelScrape(reason="asked by the client"), job)
            result = "would be cancelled" if asked.dry_run else "cancel requested"
            results.append(
                {"job_id": job.job_id, "result": result if decided else "was asked before"}
            )
            if not asked.dry_run:
                events += [
                    new_event(job.job_id, job.tenant, event, now, traceparent=traceparent)
                    for event in decided
                ]
        await append_all(api, events)
        return _results(asked, results, has_more)

    return [
        resource("/jobs/retry", post=retry_many),
        resource("/jobs/cancel", post=cancel_many),
        resource("/jobs/{job_id}/retry", post=retry),
        resource("/jobs/{job_id}/clone", post=clone),
    ]


def _is_whole(job: Job) -> bool:
    return job.status is Status.COMPLETED and job.outcome in WHOLE_OUTCOMES


async def _is_known(api: Api, job_id: JobId) -> bool:
    try:
        await api.jobs.find(job_id)
    except UnknownJobError:
        return False
    return True


async def _jobs(api: Api, asked: Filter, possible: frozenset[Status]) -> tuple[Sequence[Job], bool]:
    """Jobs that fit, newest first, and whether there are more.

    Raises:
        InvalidRequestError: nothing filters, or no job of these statuses can be meant.
    """
    query = JobQuery(
        statuses=frozenset(asked.status) or possible,
        kind=asked.kind,
        url_prefix=asked.url_prefix,
        batch_id=asked.batch_id,
        created_from=asked.created_from,
        created_before=asked.created_before,
        limit=asked.limit,
    )
    if query == JobQuery(statuses=possible, limit=asked.limit) and not asked.status:
        raise InvalidRequestError("name at least one filter, such as `status` or `batch_id`")
    if not query.statuses <= possible:
        raise InvalidRequestError(f"`status` may be {', '.join(sorted(possible))} here")
    return await api.jobs.page(query)


def _accepted(api: Api, job_id: str, more: dict[str, Any], headers: Any = None) -> Response:
    location = {"Location": api.links.path(f"/jobs/{job_id}")}
    answer = {"job_id": job_id, "status": "queued", **more}
    return json_response(answer, status=202, headers={**location, **(headers or {})})


def _results(asked: Filter, results: Sequence[dict[str, Any]], has_more: bool) -> Response:
    answer = {
        "dry_run": asked.dry_run,
        "matched": len(results),
        "has_more": has_more,
        "results": results,
    }
    return json_response(answer, status=200 if asked.dry_run else 202)
