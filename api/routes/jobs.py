"""``/jobs`` and ``/jobs/{id}``: list, read, cancel."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.middleware.trace import traceparent_of
from api.parts import Api
from api.payloads import job_payload, job_response, json_response
from api.points import place_payload, point_in, state_payload
from api.problems import MalformedRequestError
from api.requests import JobCursor, cursor_text, read_cursor, read_limit
from api.routes.resource import resource
from api.routes.scrape import append
from streams.domain.decide import CancelScrape, decide
from streams.domain.fold import evolve
from streams.domain.job import Status
from streams.domain.recorded import new_event
from streams.ports import JobQuery

JOBS_A_PAGE = 50
MOST_JOBS_A_PAGE = 500
READ_BACK_S = 1.0


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def list_jobs(request: Request) -> Response:
        return await page_of_jobs(api, request, "/jobs")

    async def read_job(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        if (at := request.query_params.get("at")) is not None:
            events = await api.parts.live.read_events(job)
            point = point_in(at, events, "at", datetime.now(UTC))
            return json_response(
                {**state_payload(point.job, api.links), "at": place_payload(point)}
            )
        return job_response(request, job, api.links, place=api.queue.find(job))

    async def cancel_job(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        for event in decide(CancelScrape(reason="asked by the client"), job):
            new = new_event(
                job.job_id,
                job.tenant,
                event,
                datetime.now(UTC),
                traceparent=traceparent_of(request),
            )
            recorded = await append(api, new)
            # Events of the job may come before ours; once they are read, so is ours.
            is_read = await api.parts.live.has_read(
                {recorded.partition: recorded.offset + 1}, timeout_s=READ_BACK_S
            )
            found = api.parts.live.find(job.job_id) if is_read else None
            job = found or evolve(job, recorded) or job
        return job_response(request, job, api.links, status=202 if job.is_open else 200)

    return [
        resource("/jobs", get=list_jobs),
        resource("/jobs/{job_id}", get=read_job, delete=cancel_job),
    ]


async def page_of_jobs(
    api: Api, request: Request, path: str, *, batch_id: str = "", monitor_id: str = ""
) -> Response:
    """A page of the list that the query asks for; ``path`` is where it is."""
    cursor = read_cursor(request, JobCursor)
    query = JobQuery(
        statuses=_statuses_in(request),
        before=(cursor.created_at, cursor.job_id) if cursor else None,
        limit=read_limit(request, default=JOBS_A_PAGE, most=MOST_JOBS_A_PAGE),
        batch_id=batch_id,
        monitor_id=monitor_id,
    )
    jobs, has_more = await api.jobs.page(query)
    following, headers = None, {}
    if has_more:
        following = cursor_text(JobCursor(jobs[-1].created_at, jobs[-1].job_id))
        url = request.url.include_query_params(cursor=following)
        headers["Link"] = f'<{api.links.path(path)}?{url.query}>; rel="next"'
    payloads = [job_payload(job, api.links, api.queue.find(job)) for job in jobs]
    return json_response({"jobs": payloads, "next": following}, headers=headers)


def _statuses_in(request: Request) -> frozenset[Status]:
    texts = [
        part.strip()
        for text in request.query_params.getlist("status")
        for part in text.split(",")
        if part.strip()
    ]
    try:
        return frozenset(Status(text) for text in texts)
    except ValueError:
        known = ", ".join(Status)
        raise MalformedRequestError(f"`status` must be of {known}; several by commas") from None
