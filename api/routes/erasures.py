"""``/erasures``: forget a job, a place or an author, and see the proof; for operators."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.bearer import check_bearer
from api.erasure_desk import ErasureDesk, ErasureState
from api.parts import Api
from api.payloads import json_response
from api.requests import read_body, read_limit
from api.routes.resource import resource
from streams.domain.erasure import Subject
from streams.errors import InvalidRequestError, UnknownErasureError

ERASURES_A_PAGE = 50
MOST_ERASURES = 500
CLOSED = (
    "erasures are for operators: set SCRAPESTREAM_ERASURES_TOKEN for the API, and show it as "
    "`Authorization: Bearer TOKEN`"
)

Named = Annotated[str, msgspec.Meta(min_length=1, max_length=8_192)]


class ErasureBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of ``POST /erasures``: one of three names."""

    job: Named | None = None
    place: Named | None = None
    author: Named | None = None
    dry_run: bool = False

    def named(self) -> tuple[Subject, str]:
        """What is to be forgotten.

        Raises:
            InvalidRequestError: nothing, or more than one thing.
        """
        given = {Subject.JOB: self.job, Subject.PLACE: self.place, Subject.AUTHOR: self.author}
        found = [(subject, text) for subject, text in given.items() if text is not None]
        if len(found) != 1:
            raise InvalidRequestError("name one of `job`, `place`, `author`")
        return found[0]


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def ask(request: Request) -> Response:
        desk = _desk(request)
        body = await read_body(request, ErasureBody)
        subject, text = body.named()
        if body.dry_run:
            preview = await desk.preview(subject, text)
            return json_response(
                {
                    "dry_run": True,
                    "jobs": preview.jobs,
                    "open_jobs": preview.open_jobs,
                    "rows": dict(preview.rows),
                }
            )
        erasure_id = await desk.request(subject, text)
        return json_response(
            await _read(desk, erasure_id),
            status=202,
            headers={"Location": f"{api.links.base}/erasures/{erasure_id}"},
        )

    async def list_erasures(request: Request) -> Response:
        desk = _desk(request)
        limit = read_limit(request, default=ERASURES_A_PAGE, most=MOST_ERASURES)
        found = await desk.all()
        newest = found[::-1][:limit]
        return json_response(
            {"total": len(found), "erasures": [erasure_payload(each) for each in newest]}
        )

    async def show(request: Request) -> Response:
        return json_response(await _read(_desk(request), request.path_params["erasure_id"]))

    def _desk(request: Request) -> ErasureDesk:
        """The desk, for who may go there."""
        check_bearer(request, api.parts.settings.erasures_token, CLOSED)
        if api.parts.erasure_desk is None:
            raise HTTPException(404)
        return api.parts.erasure_desk

    return [
        resource("/erasures", get=list_erasures, post=ask),
        resource("/erasures/{erasure_id}", get=show),
    ]


async def _read(desk: ErasureDesk, erasure_id: str) -> dict[str, Any]:
    state = await desk.find(erasure_id)
    if state is None:
        raise UnknownErasureError(erasure_id[:100])
    return erasure_payload(state)


def erasure_payload(state: ErasureState) -> dict[str, Any]:
    """The contract's erasure. It names nobody: ``subject_hash`` is what stands in the log."""
    found = state.proof or state.tried
    status = "completed" if state.proof else "running" if state.is_running else "open"
    return {
        "erasure_id": state.erasure_id,
        "status": status,
        "subject": str(state.subject),
        "subject_hash": state.subject_hash,
        "jobs": state.jobs,
        "requested_at": state.requested_at,
        "completed_at": state.completed_at,
        "removed": dict(found.removed) if found else {},
        "remaining": dict(found.remaining) if found else {},
        "needles": state.tried and state.tried.needles,
        "reason": state.reason or None,
    }
