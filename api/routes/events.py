"""``GET /jobs/{id}/events``: the job's history as JSON, or a line an event."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import event_payload, json_response
from api.problems import MalformedRequestError
from api.requests import position_in, read_limit
from api.routes.resource import resource
from api.story import position_text
from streams.domain.events import AUTHORS

EVENTS_A_PAGE = 1_000
MOST_EVENTS_A_PAGE = 10_000
NDJSON = "application/x-ndjson"
FORMATS = ("json", "jsonl")
NAMES = frozenset(cls.__name__ for cls in AUTHORS)


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def read_events(request: Request) -> Response:
        limit = read_limit(request, default=EVENTS_A_PAGE, most=MOST_EVENTS_A_PAGE)
        job = await api.jobs.find(request.path_params["job_id"])
        # `cursor` is the name that every list of ours knows; `after` says what it is here.
        given = request.query_params.get("after") or request.query_params.get("cursor")
        after = position_in(given, job.partition, "after") if given else -1
        wanted = _types_in(request)
        events = await api.parts.live.read_events(job)
        # `seq` counts from the job's first event, so all are read, whatever the page.
        fresh = [
            (seq, one)
            for seq, one in enumerate(events, 1)
            if one.offset > after and (not wanted or type(one.event).__name__ in wanted)
        ]
        payloads = [event_payload(recorded, seq) for seq, recorded in fresh[:limit]]
        following, headers = None, {"Vary": "Accept"}
        if len(fresh) > limit:
            _, last = fresh[limit - 1]
            following = position_text(last.partition, last.offset)
            query = request.url.include_query_params(after=following).query
            path = api.links.path(f"/jobs/{job.job_id}/events")
            headers["Link"] = f'<{path}?{query}>; rel="next"'
        if _wants_lines(request):
            lines = b"".join(msgspec.json.encode(payload) + b"\n" for payload in payloads)
            return Response(lines, headers=headers, media_type=NDJSON)
        answer = {"job_id": job.job_id, "events": payloads, "next": following}
        return json_response(answer, headers=headers)

    return [resource("/jobs/{job_id}/events", get=read_events)]


def _types_in(request: Request) -> frozenset[str]:
    """Event types to show; empty for all. Repeat ``type``, or use commas."""
    texts = [
        part.strip()
        for text in request.query_params.getlist("type")
        for part in text.split(",")
        if part.strip()
    ]
    unknown = [text for text in texts if text not in NAMES]
    if unknown:
        raise MalformedRequestError(
            f"there is no event type {unknown[0][:64]!r}; types are {', '.join(sorted(NAMES))}"
        )
    return frozenset(texts)


def _wants_lines(request: Request) -> bool:
    """Whether the events are wanted one a line; ``format`` wins over ``Accept``."""
    form = request.query_params.get("format")
    if form is None:
        return NDJSON in request.headers.get("accept", "")
    if form not in FORMATS:
        raise MalformedRequestError(f"`format` must be one of {', '.join(FORMATS)}")
    return form == "jsonl"
