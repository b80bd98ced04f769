"""``/workers``: who scrapes, with what, since when; and taking one out of service."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import json_response
from api.routes.resource import resource
from streams.domain.fleet import LOST_AFTER_S, DrainWorker, Seen


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    fleet = api.parts.fleet

    async def list_workers(request: Request) -> Response:
        now_s = time.monotonic()
        return json_response(
            {"workers": [worker_payload(seen, now_s) for seen in fleet.all(now_s)]}
        )

    async def drain(request: Request) -> Response:
        worker = _known(request)
        await api.parts.event_log.order(DrainWorker(worker=worker))
        return json_response({"id": worker, "draining": True}, status=202)

    async def undo(request: Request) -> Response:
        worker = _known(request)
        await api.parts.event_log.order(DrainWorker(worker=worker, undo=True))
        return json_response({"id": worker, "draining": False}, status=202)

    def _known(request: Request) -> str:
        worker = str(request.path_params["worker"])
        if fleet.find(worker) is None:
            raise HTTPException(404, "no worker of this name was heard lately; see GET /workers")
        return worker

    return [
        resource("/workers", get=list_workers),
        resource("/workers/{worker}/drain", post=drain, delete=undo),
    ]


def worker_payload(seen: Seen, now_s: float) -> dict[str, Any]:
    """One worker as clients see it."""
    report = seen.report
    silent_s = max(0.0, now_s - seen.heard_s)
    return {
        "id": report.worker,
        "host": report.host,
        "status": _status(seen, silent_s),
        "version": report.version,
        "slots": report.slots,
        "free": report.free,
        "jobs": [
            {"job_id": running.job_id, "attempt": running.attempt} for running in report.running
        ],
        "kinds": report.kinds,
        "draining": report.is_draining,
        "memory_bytes": report.memory_bytes or None,
        "started_at": report.started_at,
        "uptime_s": round((datetime.now(UTC) - report.started_at).total_seconds()),
        "last_heartbeat_at": report.occurred_at,
        "silent_s": round(silent_s, 1),
    }


def _status(seen: Seen, silent_s: float) -> str:
    report = seen.report
    if silent_s > LOST_AFTER_S:
        return "lost"
    if report.is_draining:
        return "draining"
    if report.free:
        return "idle" if not report.running else "working"
    return "busy" if report.running else "starting"
