"""Values of a query that filter a list. Every refusal says what to send."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime

from starlette.requests import Request

from api.problems import MalformedRequestError

FLAGS = {"true": True, "1": True, "false": False, "0": False}
BLANK_ZONE = re.compile(r" (?=\d\d:?\d\d$)")
LONGEST_TEXT = 200


def check_names(request: Request, known: Collection[str]) -> None:
    """Refuse a filter that there is not: ignored, it would give wrong answers.

    Raises:
        MalformedRequestError: one of the query's names is not ``known``.
    """
    for name in request.query_params:
        if name not in known:
            raise MalformedRequestError(
                f"there is no filter {name[:64]!r}; known are {', '.join(sorted(known))}"
            )


def read_flag(request: Request, name: str) -> bool | None:
    """``true`` or ``false``; None when it is not asked for."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if text not in FLAGS:
        raise MalformedRequestError(f"`{name}` must be true or false")
    return FLAGS[text]


def read_time(request: Request, name: str) -> datetime | None:
    """A time or a day, UTC unless it says otherwise; None when it is not asked for."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # A plus sign that was not written as %2B arrives as a blank.
        at = datetime.fromisoformat(BLANK_ZONE.sub("+", text))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or not 1970 <= at.year < 2250:  # what the store can hold
        raise MalformedRequestError(
            f"`{name}` must be a day or a time such as 2026-11-22 or 2026-11-22T12:00:00Z"
        )
    return at


def read_words(request: Request, name: str) -> frozenset[str]:
    """Values by commas, or given again; empty when it is not asked for."""
    texts = (
        part.strip() for text in request.query_params.getlist(name) for part in text.split(",")
    )
    return frozenset(text for text in texts if text)


def read_text(request: Request, name: str) -> str:
    """A text to look for; empty when it is not asked for."""
    text = request.query_params.get(name, "")
    if len(text) > LONGEST_TEXT:
        raise MalformedRequestError(f"`{name}` has at most {LONGEST_TEXT} characters")
    return text
