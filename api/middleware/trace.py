"""W3C trace context: taken from the request or made, so that a job can be followed."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence

from starlette.requests import Request

from streams.domain.ids import new_traceparent

log = logging.getLogger(__name__)

# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
# What of a client's header can stand in logs and answers.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def traceparent_from(given: Sequence[bytes]) -> str:
    """The trace context of a request with these headers: its own, or a new one."""
    # Two headers are as good as none: nobody can say which one is meant.
    if len(given) != 1:
        return new_traceparent()
    text = given[0].decode("latin-1")
    return text if TRACEPARENT.fullmatch(text) else new_traceparent()


def traceparent_of(request: Request) -> str:
    """The trace context that the events of this request carry."""
    return str(request.state.traceparent)


def request_id_from(given: Sequence[bytes]) -> str:
    """The id of a request with these ``X-Request-ID`` headers: the first one, or a new one."""
    text = given[0].decode("latin-1")
    if REQUEST_ID.fullmatch(text):
        return text
    request_id = secrets.token_hex(16)
    if text:
        log.warning("X-Request-ID is none; the request got one", extra={"id": request_id})
    return request_id
