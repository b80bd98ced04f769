"""``/health``: whether this process lives, can work, and how its parts are."""

from __future__ import annotations

import shutil
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.health import Conditions
from api.parts import Api
from api.payloads import json_response
from api.routes.resource import resource
from streams.domain.job import Status
from streams.errors import UnavailableError

DISK_FULL_PERCENT = 95.0
RESULTS = "results"  # without the storage of files all else works


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    began = time.monotonic()
    live = api.parts.live

    async def overall(request: Request) -> Response:
        return json_response({"status": _status(api, await api.health.look())})

    async def alive(request: Request) -> Response:
        return json_response({"status": "alive"})

    async def ready(request: Request) -> Response:
        conditions = await api.health.look()
        missing = [
            name for name, part in conditions.parts.items() if not part.healthy and name != RESULTS
        ]
        if not live.is_ready:
            missing.append("live view")
        if missing:
            raise UnavailableError(f"not ready: waiting for {', '.join(missing)}")
        return json_response({"status": "ready"})

    async def detailed(request: Request) -> Response:
        conditions = await api.health.look()
        return json_response(
            {
                "status": _status(api, conditions),
                "uptime_s": round(time.monotonic() - began, 1),
                "dependencies": conditions.parts,
                "live_view": {
                    "ready": live.is_ready,
                    "jobs": len(live.memory),
                    "events": live.memory.events_count,
                },
                "jobs": {
                    "queued": live.memory.count(Status.QUEUED, Status.RETRYING),
                    "active": live.memory.count(Status.PROCESSING),
                },
                "workers": {"active": conditions.workers},
                "streams": {"connected": len(api.streams)},
                "disk": _disk(api),
            }
        )

    return [
        resource("/health", get=overall),
        resource("/health/live", get=alive),
        resource("/health/ready", get=ready),
        resource("/health/detailed", get=detailed),
    ]


def _status(api: Api, conditions: Conditions) -> str:
    healthy = (
        conditions.all_healthy
        and api.parts.live.is_ready
        and bool(conditions.workers)
        and _disk(api)["usage_percent"] < DISK_FULL_PERCENT
    )
    return "healthy" if healthy else "degraded"


def _disk(api: Api) -> dict[str, Any]:
    usage = shutil.disk_usage(api.parts.disk_path)
    # As `df` counts: without the blocks that are kept for root.
    percent = 100 * usage.used / max(1, usage.used + usage.free)
    return {"usage_percent": round(percent, 1), "free_bytes": usage.free}
