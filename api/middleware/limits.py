"""A limit for request bodies, whether their length is announced or not.

Starlette's own answers in plain text, not with a problem.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException


def check_announced(announced: bytes | None, most_bytes: int) -> None:
    """Refuse a body by its ``Content-Length``.

    Raises:
        HTTPException: 413, it is longer than ``most_bytes``.
    """
    if announced is not None and announced.isdigit() and int(announced) > most_bytes:
        raise too_large(most_bytes)


def too_large(most_bytes: int) -> HTTPException:
    """What a longer body is refused with."""
    # The rest of the body is not read, so the connection cannot go on.
    detail = f"the body may have at most {most_bytes} bytes"
    return HTTPException(413, detail, headers={"Connection": "close"})
