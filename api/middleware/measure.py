"""Counts and times requests."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import ApiMetrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measure:
    """Feeds the HTTP metrics; labels are routes, never raw paths."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Until the headers: a stream's life is no latency.
                self._metrics.answered(
                    scope["method"] if scope["method"] in METHODS else "other",
                    getattr(scope.get("route"), "path", "none"),
                    message["status"],
                    time.perf_counter() - began,
                )
            await send(message)

        await self._app(scope, receive, send_and_note)
