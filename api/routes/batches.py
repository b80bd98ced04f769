"""``/jobs/batch`` and ``/batches/{id}``: many jobs in one call, counted and cancelled together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.appending import append_all
from api.batch_submission import submit_batch
from api.batches import Batch
from api.bulk import read_items
from api.estimates import duration_text, estimated_s
from api.idempotency import key_in
from api.middleware.trace import traceparent_of
from api.parts import Api
from api.payloads import json_response
from api.refusals import ViewBehindError
from api.routes.jobs import page_of_jobs
from api.routes.resource import resource
from api.routes.scrape import REPLAYED
from api.routes.stream import PING_S, SEND_TIMEOUT_S
from api.sse import Ping
from streams.domain.decide import CancelScrape, decide
from streams.domain.job import Status
from streams.domain.recorded import new_event

SUBMIT_PATH = "/jobs/batch"
READ_WITHIN_S = 10.0


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def submit(request: Request) -> Response:
        items = await read_items(request, api.parts.settings.max_batch_jobs)
        done = await submit_batch(api, items, traceparent_of(request), key_in(request))
        links = {
            name: api.links.path(f"/batches/{done.batch_id}{path}")
            for name, path in (("batch", ""), ("stream", "/stream"), ("jobs", "/jobs"))
        }
        answer = {
            "batch_id": done.batch_id,
            "total": len(items),
            "accepted": done.accepted,
            "refused": len(done.errors),
            "job_ids": done.job_ids,
            "errors": done.errors,
            "links": links,
        }
        headers = {"Location": links["batch"], **(REPLAYED if done.is_replay else {})}
        return json_response(answer, status=202, headers=headers)

    async def read_batch(request: Request) -> Response:
        batch = await api.batches.find(request.path_params["batch_id"])
        headers = {} if batch.has_ended else {"Retry-After": "1"}
        return json_response(batch_payload(api, batch), headers=headers)

    async def stream(request: Request) -> Response:
        batch = await api.batches.find(request.path_params["batch_id"])
        given = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        if batch.has_ended and given == batch.state():
            return Response(status_code=204)  # it has everything: a browser must not come again

        def message(batch: Batch) -> bytes:
            text = msgspec.json.encode(batch_payload(api, batch)).decode()
            return ServerSentEvent(text, id=batch.state(), sep="\n").encode()

        return EventSourceResponse(
            api.streams.count(batch, message, given or ""),
            ping=PING_S,
            ping_message_factory=Ping,
            sep="\n",
            send_timeout=SEND_TIMEOUT_S,
        )

    async def list_jobs(request: Request) -> Response:
        batch = await api.batches.find(request.path_params["batch_id"])
        if not await api.parts.live.is_caught_up(READ_WITHIN_S):
            raise ViewBehindError("its newest jobs are not read yet; ask again")
        path = f"/batches/{batch.batch_id}/jobs"
        return await page_of_jobs(api, request, path, batch_id=batch.batch_id)

    async def cancel(request: Request) -> Response:
        batch = await api.batches.find(request.path_params["batch_id"])
        asked = await cancel_open_jobs(api, batch, traceparent_of(request))
        answer = {**batch_payload(api, batch), "cancel_requested": asked}
        return json_response(answer, status=200 if batch.has_ended else 202)

    return [
        resource(SUBMIT_PATH, post=submit),
        resource("/batches/{batch_id}", get=read_batch, delete=cancel),
        resource("/batches/{batch_id}/stream", get=stream),
        resource("/batches/{batch_id}/jobs", get=list_jobs),
    ]


def batch_payload(api: Api, batch: Batch) -> dict[str, Any]:
    """The contract's batch."""
    ended = batch.total - batch.open_count
    left_s = None if batch.has_ended else _left_s(api, batch)
    return {
        "batch_id": batch.batch_id,
        "status": "ended" if batch.has_ended else "open",
        "created_at": batch.created_at,
        "total": batch.total,
        "open": batch.open_count,
        "counts": {status: batch.counts[status] for status in Status},
        "progress": 100 if batch.has_ended else min(99, ended * 100 // max(1, batch.total)),
        "estimated_time": None if left_s is None else duration_text(left_s),
    }


async def cancel_open_jobs(api: Api, batch: Batch, traceparent: str) -> int:
    """Ask for the end of every job of the batch that has not ended; how many that was.

    Raises:
        UnavailableError: Kafka is away, did not acknowledge, or its newest jobs are not read yet.
    """
    live = api.parts.live
    if not await live.is_caught_up(READ_WITHIN_S):
        raise ViewBehindError("its newest jobs are not read yet; ask again")
    now = datetime.now(UTC)
    events = [
        new_event(job.job_id, job.tenant, event, now, traceparent=traceparent)
        for job_id in batch.open_jobs()
        if (job := live.find(job_id)) is not None
        for event in decide(CancelScrape(reason="its batch was cancelled"), job)
    ]
    await append_all(api, events, batch.batch_id)
    return len(events)


def _left_s(api: Api, batch: Batch) -> float:
    """Seconds until its jobs have ended, if no other jobs came before them."""
    live = api.parts.live
    slots = api.queue.taking_slots()
    typical = [live.durations.typical_s(kind.name) for kind in api.parts.catalogue.kinds]
    return estimated_s(max(typical, default=1.0), ahead=batch.open_count - 1, slots=slots)
