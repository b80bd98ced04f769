"""A limit for request bodies, whether their length is announced or not."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Refuses with 413. Starlette's own answers in plain text, not with a problem."""

    def __init__(self, app: ASGIApp, most_bytes: int, larger: Mapping[str, int]) -> None:
        """``larger``: paths with a limit of their own, bytes."""
        self._app = app
        self._most_bytes = most_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most_bytes = self._larger.get(scope["path"], self._most_bytes)
        for name, announced in scope["headers"]:
            if name == b"content-length":
                if announced.isdigit() and int(announced) > most_bytes:
                    raise _too_large(most_bytes)
                break
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > most_bytes:
                    raise _too_large(most_bytes)
            return message

        await self._app(scope, receive_within_limit, send)


def _too_large(most_bytes: int) -> HTTPException:
    # The rest of the body is not read, so the connection cannot go on.
    detail = f"the body may have at most {most_bytes} bytes"
    return HTTPException(413, detail, headers={"Connection": "close"})
