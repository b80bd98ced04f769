"""``GET /jobs/{id}/diff``: what changed between two points of a job's history."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import event_payload, json_response
from api.points import place_payload, point_in, state_payload
from api.routes.resource import resource
from streams.domain.history import changes_between


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def read_diff(request: Request) -> Response:
        job = await api.jobs.find(request.path_params["job_id"])
        events = await api.parts.live.read_events(job)
        now, newest = datetime.now(UTC), str(len(events))
        old = point_in(request.query_params.get("from", "1"), events, "from", now)
        new = point_in(request.query_params.get("to", newest), events, "to", now)
        before, after = (state_payload(point.job, api.links) for point in (old, new))
        early, late = sorted((old.number, new.number))
        return json_response(
            {
                "job_id": job.job_id,
                "from": place_payload(old),
                "to": place_payload(new),
                "changes": changes_between(before, after),
                # Those that made the difference.
                "events": [
                    event_payload(recorded, number)
                    for number, recorded in enumerate(events[early:late], early + 1)
                ],
            }
        )

    return [resource("/jobs/{job_id}/diff", get=read_diff)]
