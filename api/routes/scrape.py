"""``POST /scrape``: submit a URL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.estimates import duration_text, estimated_s
from api.idempotency import fingerprint, key_in, known_job, winner
from api.known_items import with_known_items
from api.middleware.trace import traceparent_of
from api.parts import Api
from api.payloads import json_response
from api.pressure import check_room
from api.problems import UncertainWriteError
from api.requests import read_body
from api.routes.resource import resource
from api.submission import Submission, check_times, checked_kind, scrape_requested
from streams.catalogue import Kind
from streams.domain.ids import JobId, keyed_job_id, new_job_id
from streams.domain.job import OPEN_STATUSES
from streams.domain.recorded import NewEvent, Recorded, new_event
from streams.errors import LogUnavailableError

TENANT = "public"
NO_HEADERS: Mapping[str, str] = {}
REPLAYED = {"Idempotency-Replayed": "true"}


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def submit(request: Request) -> Response:
        given = await read_body(request, Submission)
        asked = await with_known_items(api, given, TENANT)
        kind = checked_kind(asked, api.parts.catalogue, api.parts.check_webhook)
        key = key_in(request)
        if key is not None:
            mark = fingerprint(given, api.parts.settings.secret_key)
            return await _submit_once(api, asked, kind, traceparent_of(request), key, mark)
        check_room(api, 1)
        new = _event(api, asked, kind, traceparent_of(request), new_job_id())
        recorded = await append(api, new)
        estimate = _estimate(api, kind)
        api.parts.live.note(recorded)
        return _accepted(api, new.job_id, estimate)

    return [resource("/scrape", post=submit)]


async def _submit_once(
    api: Api, asked: Submission, kind: Kind, traceparent: str, key: str, mark: str
) -> Response:
    """The job of this key: a new one, or the one that the same request has made."""
    job_id = keyed_job_id(TENANT, key)
    if await known_job(api, job_id, mark) is not None:
        return _accepted(api, job_id, _estimate(api, kind), REPLAYED)
    check_room(api, 1)
    new = _event(api, asked, kind, traceparent, job_id, mark)
    # Not noted: of two that race, the first in the log is the job, not the first we know of.
    await winner(api, await append(api, new), mark)
    return _accepted(api, job_id, _estimate(api, kind))


def _accepted(
    api: Api, job_id: str, estimate: str, more_headers: Mapping[str, str] = NO_HEADERS
) -> Response:
    return json_response(
        {"job_id": job_id, "status": "queued", "estimated_time": estimate},
        status=202,
        headers={"Location": api.links.path(f"/jobs/{job_id}"), **more_headers},
    )


async def append(api: Api, new: NewEvent) -> Recorded:
    """Append one event; returns once it is durable.

    Raises:
        LogUnavailableError: Kafka is known to be away; nothing was sent.
        UncertainWriteError: it did not acknowledge: whether the event is stored is unknown.
    """
    if api.health.is_away("kafka"):
        raise LogUnavailableError("Kafka does not answer; nothing was stored, try again")
    try:
        with api.append_limits.begin():
            [position] = await api.parts.event_log.append([new])
    except (LogUnavailableError, TimeoutError) as error:
        raise UncertainWriteError(new.job_id) from error
    return Recorded(
        job_id=new.job_id,
        tenant=new.tenant,
        event_id=new.event_id,
        occurred_at=new.occurred_at,
        partition=position.partition,
        offset=position.offset,
        event=new.event,
        traceparent=new.traceparent,
    )


def _event(
    api: Api, asked: Submission, kind: Kind, traceparent: str, job_id: JobId, mark: str = ""
) -> NewEvent:
    now = datetime.now(UTC)
    check_times(asked, now)
    event = scrape_requested(asked, kind, api.parts.settings, api.parts.sealer.seal, mark=mark)
    return new_event(job_id, TENANT, event, now, traceparent=traceparent)


def _estimate(api: Api, kind: Kind) -> str:
    live = api.parts.live
    slots = api.queue.taking_slots()
    ahead = live.memory.count(*OPEN_STATUSES)
    typical_s = live.durations.typical_s(kind.name)
    return duration_text(estimated_s(typical_s, ahead=ahead, slots=slots))
