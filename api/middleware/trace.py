"""W3C trace context: taken from the request or made, so that a job can be followed."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.domain.ids import new_traceparent

# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class TraceContext:
    """Puts ``traceparent`` into the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"traceparent"]
            state = scope.setdefault("state", {})
            # Two headers are as good as none: nobody can say which one is meant.
            state["traceparent"] = _valid(given[0]) if len(given) == 1 else new_traceparent()
        await self._app(scope, receive, send)


def traceparent_of(request: Request) -> str:
    """The trace context that the events of this request carry."""
    return str(request.state.traceparent)


def is_request_id(text: str) -> bool:
    """Whether a client's ``X-Request-ID`` can stand in logs and answers."""
    return REQUEST_ID.fullmatch(text) is not None


def _valid(given: bytes) -> str:
    text = given.decode("latin-1")
    return text if TRACEPARENT.fullmatch(text) else new_traceparent()
