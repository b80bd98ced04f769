"""``/monitors``: URLs that are scraped again and again."""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.appending import check_log
from api.idempotency import fingerprint, key_in
from api.middleware.trace import traceparent_of
from api.monitoring import Change, Rules, RunNow, Wish, monitor_payload
from api.parts import APPEND_WITHIN_S, Api
from api.pause import Pause
from api.payloads import json_response
from api.refusals import ConflictError, ViewBehindError
from api.requests import JobCursor, cursor_text, read_body, read_cursor, read_limit
from api.routes.jobs import page_of_jobs
from api.routes.resource import resource
from api.routes.scrape import REPLAYED, TENANT
from streams.domain.ids import JobId, keyed_monitor_id, new_job_id
from streams.domain.job import Job
from streams.domain.monitor import Monitor, MonitorStatus
from streams.domain.monitor_events import (
    MonitorDeleted,
    MonitorEvent,
    MonitorPaused,
    MonitorResumed,
    MonitorRunRequested,
    new_monitor_event,
)
from streams.errors import (
    IdempotencyKeyReusedError,
    InvalidRequestError,
    LogUnavailableError,
    UnknownJobError,
    UnknownMonitorError,
)

MONITORS_A_PAGE = 100
MOST_MONITORS_A_PAGE = 1_000
READ_BACK_S = 2.0
STARTED_WITHIN_S = 3.0


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    parts = api.parts
    rules = Rules(parts.settings, parts.catalogue, parts.check_webhook, parts.sealer.seal)

    async def create(request: Request) -> Response:
        wish = await read_body(request, Wish)
        key = key_in(request)
        mark = "" if key is None else fingerprint(wish, parts.settings.secret_key)
        event = rules.created(wish, mark)
        monitor_id = uuid.uuid4().hex if key is None else keyed_monitor_id(TENANT, key)
        if key is not None and (known := await _known(api, monitor_id)) is not None:
            return await _created(api, _same(known, mark), REPLAYED)
        if len(await parts.monitors.all()) >= parts.settings.max_monitors:
            raise InvalidRequestError(
                f"there are {parts.settings.max_monitors:,} monitors, as many as may be "
                "(SCRAPESTREAM_MAX_MONITORS): delete one first"
            )
        await _append(api, monitor_id, event, request)
        # Of two that race, the first in the log is the monitor.
        return await _created(api, _same(await parts.monitors.find(monitor_id), mark))

    async def list_monitors(request: Request) -> Response:
        limit = read_limit(request, default=MONITORS_A_PAGE, most=MOST_MONITORS_A_PAGE)
        cursor = read_cursor(request, JobCursor)
        found = [each for each in await parts.monitors.all() if each.tenant == TENANT]
        if cursor is not None:
            before = (cursor.created_at, cursor.job_id)
            found = [each for each in found if (each.created_at, each.monitor_id) < before]
        page, following = found[:limit], None
        if len(found) > limit:
            following = cursor_text(JobCursor(page[-1].created_at, page[-1].monitor_id))
        jobs = await _jobs_of(api, page, newest=1)
        payloads = []
        for each in page:
            payload = monitor_payload(each, jobs, api.links)
            payloads.append({**payload, "runs": payload["runs"][:1]})
        return json_response({"monitors": payloads, "next": following})

    async def show(request: Request) -> Response:
        return await _shown(api, await _find(api, request))

    async def change(request: Request) -> Response:
        asked = await read_body(request, Change)
        monitor = await _find(api, request)
        if event := rules.changed(asked, monitor):
            await _append(api, monitor.monitor_id, event, request)
        is_paused = monitor.status is MonitorStatus.PAUSED
        if isinstance(asked.paused, bool) and asked.paused != is_paused:
            pausing = MonitorPaused() if asked.paused else MonitorResumed()
            await _append(api, monitor.monitor_id, pausing, request)
        return await _shown(api, await parts.monitors.find(monitor.monitor_id))

    async def delete(request: Request) -> Response:
        monitor = await _find(api, request)
        await _append(api, monitor.monitor_id, MonitorDeleted(), request)
        return Response(status_code=204)

    async def run(request: Request) -> Response:
        return await _run(api, request)

    async def jobs(request: Request) -> Response:
        monitor_id = (await _find(api, request)).monitor_id
        path = f"/monitors/{monitor_id}/jobs"
        return await page_of_jobs(api, request, path, monitor_id=monitor_id)

    return [
        resource("/monitors", get=list_monitors, post=create),
        resource("/monitors/{monitor_id}", get=show, patch=change, delete=delete),
        resource("/monitors/{monitor_id}/run", post=run),
        resource("/monitors/{monitor_id}/jobs", get=jobs),
    ]


async def _run(api: Api, request: Request) -> Response:
    """Ask for a run; the job is there when this returns, if a scheduler is."""
    asked = await read_body(request, RunNow) if await request.body() else RunNow()
    monitor = await _find(api, request)
    await _check_free(api, monitor)
    job_id = new_job_id()
    event = MonitorRunRequested(job_id=job_id, full=asked.full)
    await _append(api, monitor.monitor_id, event, request)
    await _wait_for_start(api, monitor.monitor_id, job_id)
    return json_response(
        {"job_id": job_id, "status": "queued", "monitor_id": monitor.monitor_id},
        status=202,
        headers={"Location": api.links.path(f"/jobs/{job_id}")},
    )


async def _find(api: Api, request: Request) -> Monitor:
    monitor = await api.parts.monitors.find(request.path_params["monitor_id"])
    if monitor.is_deleted or monitor.tenant != TENANT:
        raise UnknownMonitorError(monitor.monitor_id)
    return monitor


async def _known(api: Api, monitor_id: str) -> Monitor | None:
    try:
        return await api.parts.monitors.find(monitor_id)
    except UnknownMonitorError:
        return None


def _same(monitor: Monitor, mark: str) -> Monitor:
    if not hmac.compare_digest(monitor.request_fingerprint, mark):
        raise IdempotencyKeyReusedError
    return monitor


async def _append(api: Api, monitor_id: str, event: MonitorEvent, request: Request) -> None:
    """Append one event; returns when this process knows it, too.

    Raises:
        LogUnavailableError: it is not stored, or that is not known.
        ViewBehindError: stored, but not read back yet.
    """
    check_log(api)
    new = new_monitor_event(
        monitor_id,
        TENANT,
        event,
        datetime.now(UTC),
        ordinal=uuid.uuid4().hex,
        traceparent=traceparent_of(request),
    )
    try:
        async with asyncio.timeout(APPEND_WITHIN_S):
            position = await api.parts.event_log.append_monitor(new)
    except (LogUnavailableError, TimeoutError) as error:
        raise LogUnavailableError(
            "Kafka did not acknowledge in time, so it is not known whether this was stored: "
            f"GET /monitors/{monitor_id} tells as soon as Kafka is back"
        ) from error
    ends = {position.partition: position.offset + 1}
    if not await api.parts.monitors.has_read(ends, READ_BACK_S):
        raise ViewBehindError(f"stored, but not read back yet: GET /monitors/{monitor_id} tells")


async def _check_free(api: Api, monitor: Monitor) -> None:
    """Refuse a run that would be skipped.

    Raises:
        ConflictError: the one before has not ended, or one was asked for already.
    """
    if monitor.wanted is not None:
        raise _busy(f"job {monitor.wanted.job_id} is about to begin")
    if monitor.last_job_id:
        try:
            last = await api.jobs.find(monitor.last_job_id)
        except UnknownJobError:
            return  # it is kept nowhere any more
        if last.is_open:
            raise _busy(f"its job {last.job_id} has not ended")


def _busy(reason: str) -> ConflictError:
    return ConflictError("monitor_busy", f"{reason}; cancel it, or wait")


async def _wait_for_start(api: Api, monitor_id: str, job_id: JobId) -> None:
    """Return when the job can be asked for, or after a while: an orchestrator will start it.

    Raises:
        ConflictError: another run came first, and this one was skipped.
    """
    pause = Pause(first_s=0.005, longest_s=0.1)
    try:
        async with asyncio.timeout(STARTED_WITHIN_S):
            while api.parts.live.find(job_id) is None:
                monitor = await api.parts.monitors.find(monitor_id)
                for run in monitor.runs:
                    if run.job_id == job_id and run.open_job_id:
                        raise _busy(f"its job {run.open_job_id} has not ended")
                await pause.wait()
    except TimeoutError:
        return


async def _created(api: Api, monitor: Monitor, more: Mapping[str, str] | None = None) -> Response:
    location = {"Location": api.links.path(f"/monitors/{monitor.monitor_id}")}
    payload = monitor_payload(monitor, await _jobs_of(api, [monitor]), api.links)
    return json_response(payload, status=201, headers={**location, **(more or {})})


async def _shown(api: Api, monitor: Monitor) -> Response:
    return json_response(monitor_payload(monitor, await _jobs_of(api, [monitor]), api.links))


async def _jobs_of(
    api: Api, monitors: Sequence[Monitor], newest: int | None = None
) -> Mapping[JobId, Job]:
    """The jobs of their ``newest`` runs (None: all that are remembered), as they stand."""
    ids = [
        JobId(run.job_id) for each in monitors for run in each.runs[:newest] if not run.open_job_id
    ]
    live = ((job_id, api.parts.live.find(job_id)) for job_id in ids)
    found = {job_id: job for job_id, job in live if job is not None}
    missing = [job_id for job_id in ids if job_id not in found]
    if missing:
        return {**found, **await api.parts.store.find_many(missing)}
    return found
