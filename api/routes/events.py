"""``GET /jobs/{id}/events``: the job's history as JSON, or a line an event."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import event_payload, json_response
from api.requests import position_in, read_limit
from api.routes.resource import resource
from api.story import position_text

EVENTS_A_PAGE = 1_000
MOST_EVENTS_A_PAGE = 10_000
NDJSON = "application/x-ndjson"


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def read_events(request: Request) -> Response:
        limit = read_limit(request, default=EVENTS_A_PAGE, most=MOST_EVENTS_A_PAGE)
        job = await api.jobs.find(request.path_params["job_id"])
        # `cursor` is the name that every list of ours knows; `after` says what it is here.
        given = request.query_params.get("after") or request.query_params.get("cursor")
        after = position_in(given, job.partition, "after") if given else -1
        events = await api.parts.live.read_events(job)
        # `seq` counts from the job's first event, so all are read, whatever the page.
        fresh = [(seq, one) for seq, one in enumerate(events, 1) if one.offset > after]
        payloads = [event_payload(recorded, seq) for seq, recorded in fresh[:limit]]
        following, headers = None, {"Vary": "Accept"}
        if len(fresh) > limit:
            _, last = fresh[limit - 1]
            following = position_text(last.partition, last.offset)
            query = request.url.include_query_params(after=following).query
            path = api.links.path(f"/jobs/{job.job_id}/events")
            headers["Link"] = f'<{path}?{query}>; rel="next"'
        if NDJSON in request.headers.get("accept", ""):
            lines = b"".join(msgspec.json.encode(payload) + b"\n" for payload in payloads)
            return Response(lines, headers=headers, media_type=NDJSON)
        answer = {"job_id": job.job_id, "events": payloads, "next": following}
        return json_response(answer, headers=headers)

    return [resource("/jobs/{job_id}/events", get=read_events)]
