"""``/replays``: rebuild or mend what is stored, or copy events to a topic; and how far that is."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import json_response
from api.requests import read_body, read_limit
from api.routes.resource import resource
from streams.domain.log_part import MOST_JOBS, LogPart
from streams.domain.pace import FASTEST, pace_in
from streams.domain.replays import (
    ALL_PROJECTIONS,
    ReplayRequested,
    ReplayState,
    ReplayStatus,
    ReplayStopRequested,
    new_replay_event,
)
from streams.errors import InvalidRequestError, ReplayRunningError, UnknownReplayError
from streams.topic_replay import check_target
from streams.topics import JOB_EVENTS

REPLAYS_A_PAGE = 50
MOST_REPLAYS = 500

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
JobIdText = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ReplayBody(
    msgspec.Struct,
    forbid_unknown_fields=True,
    kw_only=True,
    frozen=True,
    rename={"since": "from", "before": "to"},
):
    """The body of ``POST /replays``."""

    projections: Annotated[
        list[Literal["job_events", "jobs", "items", "webhook_events"]], msgspec.Meta(max_length=4)
    ] = []
    since: Moment | None = None
    before: Moment | None = None
    job_ids: Annotated[list[JobIdText], msgspec.Meta(max_length=MOST_JOBS)] = []
    dry_run: bool = False
    into_topic: str | None = None
    source: Literal["job-events", "scraped-items", "webhook-events"] | None = None
    speed: str | None = None


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def ask(request: Request) -> Response:
        wanted = request_in(await read_body(request, ReplayBody))
        for state in (await api.parts.replays.look()).all():
            if state.collides_with(wanted):
                raise ReplayRunningError(state.replay_id)
        replay_id = uuid.uuid4().hex
        recorded = new_replay_event(replay_id, wanted, datetime.now(UTC))
        await api.parts.event_log.append_replay(recorded)
        return json_response(
            await _read(replay_id),
            status=202,
            headers={"Location": f"{api.links.base}/replays/{replay_id}"},
        )

    async def list_replays(request: Request) -> Response:
        limit = read_limit(request, default=REPLAYS_A_PAGE, most=MOST_REPLAYS)
        found = list((await api.parts.replays.look()).all())
        newest = found[::-1][:limit]
        return json_response(
            {"total": len(found), "replays": [replay_payload(each) for each in newest]}
        )

    async def show(request: Request) -> Response:
        return json_response(await _read(request.path_params["replay_id"]))

    async def stop(request: Request) -> Response:
        replay_id = request.path_params["replay_id"]
        state = await _find(replay_id)
        if not state.is_open:
            return json_response(replay_payload(state))
        event = new_replay_event(replay_id, ReplayStopRequested(), datetime.now(UTC))
        await api.parts.event_log.append_replay(event)
        return json_response(await _read(replay_id), status=202)

    async def _find(replay_id: str) -> ReplayState:
        state = (await api.parts.replays.look()).find(replay_id)
        if state is None:
            raise UnknownReplayError(replay_id[:100])
        return state

    async def _read(replay_id: str) -> dict[str, Any]:
        return replay_payload(await _find(replay_id))

    return [
        resource("/replays", get=list_replays, post=ask),
        resource("/replays/{replay_id}", get=show, delete=stop),
    ]


def request_in(body: ReplayBody) -> ReplayRequested:
    """What is asked for.

    Raises:
        InvalidRequestError: nothing can be meant by it, or the topic may not be written to.
    """
    part = LogPart(since=body.since, before=body.before, job_ids=tuple(body.job_ids))
    if fault := part.fault():
        raise InvalidRequestError(fault)
    if body.into_topic is None:
        if body.source is not None or body.speed is not None:
            raise InvalidRequestError("`source` and `speed` belong to `into_topic`")
        wanted = [name for name in ALL_PROJECTIONS if name in (body.projections or ALL_PROJECTIONS)]
        return ReplayRequested(
            projections=wanted,
            since=body.since,
            before=body.before,
            job_ids=body.job_ids,
            dry_run=body.dry_run,
        )
    if body.projections or body.dry_run:
        raise InvalidRequestError(
            "`into_topic` fills no table: leave out `projections` and `dry_run`"
        )
    check_target(body.into_topic)
    speed = FASTEST if body.speed is None else body.speed
    try:
        pace_in(speed)
    except ValueError as error:
        raise InvalidRequestError(f"`speed`: {error}") from None
    return ReplayRequested(
        since=body.since,
        before=body.before,
        job_ids=body.job_ids,
        into_topic=body.into_topic,
        source=body.source or JOB_EVENTS,
        speed=speed,
    )


def replay_payload(state: ReplayState) -> dict[str, Any]:
    """The contract's replay."""
    asked, progress = state.request, state.progress
    return {
        "replay_id": state.replay_id,
        "status": str(state.status),
        "stopping": state.is_open and state.stop_requested,
        "projections": list(asked.projections),
        "from": asked.since,
        "to": asked.before,
        "job_ids": list(asked.job_ids),
        "dry_run": asked.dry_run,
        "into_topic": asked.into_topic,
        "source": asked.source,
        "speed": asked.speed,
        "attempt": state.attempt,
        "requested_at": state.requested_at,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "progress": None
        if progress is None or state.status is not ReplayStatus.RUNNING
        else {
            "phase": progress.phase,
            "projection": progress.projection,
            "records_done": progress.records_done,
            "records_total": progress.records_total,
            "records_per_second": progress.records_per_second,
            "drift_jobs": progress.drift_jobs,
        },
        "results": [msgspec.to_builtins(result) for result in state.results],
        "reason": state.reason,
    }
