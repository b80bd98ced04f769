"""``GET /`` and ``GET /problems/{code}``: what this is, and what an error means."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import json_response
from api.problems import KINDS
from api.routes.page import page_file, wants_page
from api.routes.resource import resource


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    paths = {
        "submit": "POST /scrape",
        "batch_submit": "POST /jobs/batch",
        "batch": "GET /batches/{batch_id}",
        "batch_stream": "GET /batches/{batch_id}/stream",
        "batch_jobs": "GET /batches/{batch_id}/jobs",
        "batch_cancel": "DELETE /batches/{batch_id}",
        "jobs": "GET /jobs",
        "job": "GET /jobs/{job_id}",
        "cancel": "DELETE /jobs/{job_id}",
        "retry": "POST /jobs/{job_id}/retry",
        "clone": "POST /jobs/{job_id}/clone",
        "retry_many": "POST /jobs/retry",
        "cancel_many": "POST /jobs/cancel",
        "monitor_create": "POST /monitors",
        "monitors": "GET /monitors",
        "monitor": "GET /monitors/{monitor_id}",
        "monitor_change": "PATCH /monitors/{monitor_id}",
        "monitor_delete": "DELETE /monitors/{monitor_id}",
        "monitor_run": "POST /monitors/{monitor_id}/run",
        "monitor_jobs": "GET /monitors/{monitor_id}/jobs",
        "reviews": "GET /jobs/{job_id}/reviews",
        "file": "GET /jobs/{job_id}/file",
        "places": "GET /places",
        "place": "GET /places/{place_id}",
        "place_reviews": "GET /places/{place_id}/reviews",
        "place_changes": "GET /places/{place_id}/changes",
        "stream": "GET /jobs/{job_id}/stream",
        "events": "GET /jobs/{job_id}/events",
        "workers": "GET /workers",
        "drain": "POST /workers/{worker}/drain",
        "diff": "GET /jobs/{job_id}/diff?from=&to=",
        "dead_letters": "GET /dlq",
        "dead_letter": "GET /dlq/{topic}/{partition}/{offset}",
        "requeue": "POST /dlq/requeue",
        "drop": "POST /dlq/drop",
        "replay": "POST /replays",
        "replays": "GET /replays",
        "replay_state": "GET /replays/{replay_id}",
        "replay_stop": "DELETE /replays/{replay_id}",
        "erase": "POST /erasures",
        "erasures": "GET /erasures",
        "erasure": "GET /erasures/{erasure_id}",
        "health": "GET /health",
        "ready": "GET /health/ready",
        "metrics": "GET /metrics",
        "asyncapi": "GET /asyncapi.json",
        "problem": "GET /problems/{code}",
    }

    async def about(request: Request) -> Response:
        if wants_page(request):
            return page_file("index.html")
        accepted = {kind.name: list(kind.examples) for kind in api.parts.catalogue.kinds}
        return json_response(
            {
                "name": "scrapestream",
                "about": "Submit a URL, watch it being scraped, get every item.",
                "base_url": api.links.base,
                "paths": paths,
                "accepted": accepted,
            }
        )

    async def explain(request: Request) -> Response:
        kind = KINDS.get(request.path_params["code"])
        if kind is None:
            raise HTTPException(404)
        return json_response(kind)

    return [resource("/", get=about), resource("/problems/{code}", get=explain)]
