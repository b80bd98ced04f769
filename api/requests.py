"""Reads requests: bodies, cursors, limits. Every refusal says what to do."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from email.message import Message
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.problems import MalformedRequestError
from streams.errors import InvalidRequestError

Body = TypeVar("Body", bound=msgspec.Struct)
Cursor = TypeVar("Cursor", bound=msgspec.Struct)

POSITION = re.compile(r"([0-9]{1,9})-([0-9]{1,18})")
MISSING = re.compile(r"Object missing required field `(\w+)`")
UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
LONGEST_NAME_SHOWN = 64


class JobCursor(msgspec.Struct, array_like=True, frozen=True):
    """The last job of a page."""

    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    job_id: Annotated[str, msgspec.Meta(max_length=64)]


class ItemCursor(msgspec.Struct, array_like=True, frozen=True):
    """The last item of a page."""

    position: Annotated[int, msgspec.Meta(ge=-1, lt=2**62)]
    item_id: Annotated[str, msgspec.Meta(max_length=512)]


async def read_body(request: Request, cls: type[Body]) -> Body:
    """The request's JSON body.

    Raises:
        HTTPException: 415, it is not declared as JSON.
        MalformedRequestError: it is not JSON.
        InvalidRequestError: it is JSON of another shape.
    """
    if media_type_of(request) != "application/json":
        raise HTTPException(
            415,
            "send the body as JSON in UTF-8, with `Content-Type: application/json`",
            headers={"Accept-Post": "application/json"},
        )
    body = await request.body()
    try:
        return msgspec.json.decode(body, type=cls)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(advice(str(error), cls)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequestError(f"the body is not JSON: {error}") from None


def read_limit(request: Request, *, default: int, most: int) -> int:
    """The query's ``limit``.

    Raises:
        MalformedRequestError: it is no number from 1 to ``most``.
    """
    text = request.query_params.get("limit")
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise MalformedRequestError(f"`limit` must be a whole number from 1 to {most}")
    return int(text)


def cursor_text(place: msgspec.Struct) -> str:
    """An opaque cursor for a place in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def read_cursor(request: Request, cls: type[Cursor]) -> Cursor | None:
    """The place that the query's ``cursor`` stands for; None without one.

    Raises:
        MalformedRequestError: it is none of ours.
    """
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars="-_", validate=True), type=cls)
    except (binascii.Error, ValueError):
        # msgspec's errors are ValueErrors too.
        raise MalformedRequestError(
            "`cursor` is none of ours: use `next` of an earlier answer as it is, or none"
        ) from None


def position_in(text: str, partition: int, name: str) -> int:
    """The offset in an event id such as ``3-17`` of a job in ``partition``.

    Raises:
        MalformedRequestError: it is no event id of this job.
    """
    match = POSITION.fullmatch(text)
    if match is None or int(match[1]) != partition:
        raise MalformedRequestError(
            f"`{name}` is no event id of this job: use the id of its newest event that you "
            "have, or none to begin at its first"
        )
    return int(match[2])


def media_type_of(request: Request) -> str:
    """What the body is declared as, in lower case; empty when it is not in UTF-8."""
    return _media_type(request.headers.get("content-type", ""))


@lru_cache(maxsize=64)  # clients send the same few
def _media_type(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    charset = header.get_content_charset("utf-8")
    return header.get_content_type() if charset in {"utf-8", "utf8"} else ""


def advice(error: str, cls: type[msgspec.Struct]) -> str:
    """What to change; never holds a value of the body."""
    known = ", ".join(f"`{name}`" for name in cls.__struct_encode_fields__)
    if match := MISSING.match(error):
        return f"`{match[1]}` is missing; known fields are {known}"
    if match := UNKNOWN.match(error):
        name = match[1].split("`")[0][:LONGEST_NAME_SHOWN]
        return f"there is no field `{name}`; known fields are {known}"
    if error.startswith("Expected `object`") and "$" not in error:
        return f"the body must be a JSON object with the fields {known}: {error}"
    return f"a field has a wrong type or value: {error}"
