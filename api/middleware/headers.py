"""Headers that every answer has (OWASP REST Security)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# As they go over the wire: every answer needs them, so they are made once.
RAW_HEADERS = {name.lower().encode(): value.encode() for name, value in HEADERS.items()}


class SecurityHeaders:
    """Adds ``HEADERS`` where the answer does not say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name for name, _ in given}
                more = [pair for pair in RAW_HEADERS.items() if pair[0] not in names]
                message["headers"] = [*given, *more]
            await send(message)

        await self._app(scope, receive, send_with_headers)
