"""``GET /jobs/{id}/stream``: the job's events as they happen (SSE)."""

from __future__ import annotations

from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.requests import position_in
from api.routes.resource import resource
from api.sse import Ping
from streams.domain.job import Job

PING_S = 15
SEND_TIMEOUT_S = 10.0  # a client that takes nothing for so long is dropped; it can come back
BEFORE_THE_FIRST = -1


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def stream(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        after = _last_seen(request, job)
        story = await api.parts.live.open_story(job)
        if story.is_over and story.offsets[-1] <= after:
            # It has everything: 204 tells a browser not to come again.
            return Response(status_code=204)
        return EventSourceResponse(
            api.streams.listen(story, after),
            ping=PING_S,
            ping_message_factory=Ping,
            sep="\n",
            send_timeout=SEND_TIMEOUT_S,
        )

    return [resource("/jobs/{job_id}/stream", get=stream)]


def _last_seen(request: Request, job: Job) -> int:
    """The offset after which the client goes on. The header wins: a browser cannot set it first,
    so a query parameter is older than it.
    """
    given = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    return position_in(given, job.partition, "Last-Event-ID") if given else BEFORE_THE_FIRST
