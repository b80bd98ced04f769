"""Boxes that receive webhooks, keep them in memory and show them; each can be told to fail."""

from __future__ import annotations

import base64
from collections import OrderedDict, deque
from datetime import UTC, datetime
from html import escape
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from embedded.demo.pages import page

MAX_BOXES = 200
MAX_DELIVERIES = 500
MAX_BODY_BYTES = 1_048_576


class Inbox:
    """Deliveries by box, the oldest dropped first."""

    def __init__(self) -> None:
        """Start empty."""
        self._boxes: OrderedDict[str, deque[dict[str, Any]]] = OrderedDict()
        self._received: dict[str, int] = {}

    def routes(self) -> list[Route]:
        """``POST``, ``GET`` and ``DELETE /webhooks/{box}``, and ``/inbox`` for people."""
        return [
            Route("/webhooks/{box}", self._receive, methods=["POST"]),
            Route("/webhooks/{box}", self._read, methods=["GET"]),
            Route("/webhooks/{box}", self._empty, methods=["DELETE"]),
            Route("/inbox", self._show),
        ]

    async def _receive(self, request: Request) -> Response:
        """Store it and answer 204, or what ``fail`` (the first N) and ``status`` ask for."""
        box = request.path_params["box"]
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return JSONResponse({"error": "too large"}, status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        number = self._received[box] = self._received.get(box, 0) + 1
        query = request.query_params
        fails = "status" in query if "fail" not in query else number <= _number(query["fail"], 0)
        status = _number(query.get("status", ""), 500) if fails else 204
        self._box(box).append(
            {
                "number": number,
                "received_at": datetime.now(UTC).isoformat(),
                "method": request.method,
                "query": str(request.url.query),
                "headers": [[name, value] for name, value in request.headers.items()],
                "body_base64": base64.b64encode(body).decode(),
                "body": body.decode("utf-8", "replace"),
                "answered": status,
            }
        )
        return Response(status_code=status)

    async def _read(self, request: Request) -> Response:
        box = request.path_params["box"]
        return JSONResponse({"box": box, "deliveries": list(self._boxes.get(box, ()))})

    async def _empty(self, request: Request) -> Response:
        self._boxes.pop(request.path_params["box"], None)
        self._received.pop(request.path_params["box"], None)
        return Response(status_code=204)

    async def _show(self, request: Request) -> Response:
        parts = ["<main><h1>Webhooks received</h1>"]
        if not self._boxes:
            parts.append("<p>None yet. POST to <code>/webhooks/anything</code>.</p>")
        for box, deliveries in reversed(self._boxes.items()):
            parts.append(
                f'<h2>{escape(box)}</h2><p><a href="/webhooks/{escape(box)}">as JSON</a></p>'
            )
            parts += [_delivery(delivery) for delivery in reversed(deliveries)]
        return HTMLResponse(page("Webhooks received", "".join(parts) + "</main>"))

    def _box(self, box: str) -> deque[dict[str, Any]]:
        if box not in self._boxes:
            if len(self._boxes) >= MAX_BOXES:
                oldest, _ = self._boxes.popitem(last=False)
                self._received.pop(oldest, None)
            self._boxes[box] = deque(maxlen=MAX_DELIVERIES)
        return self._boxes[box]


def _delivery(delivery: dict[str, Any]) -> str:
    kind = "ok" if delivery["answered"] < 300 else "bad"
    headers = "\n".join(f"{name}: {value}" for name, value in delivery["headers"])
    return (
        f'<section class="delivery"><strong class="{kind}">{delivery["answered"]}</strong> '
        f"no. {delivery['number']} at {delivery['received_at']}"
        f"<pre>{escape(headers)}</pre><pre>{escape(delivery['body'])}</pre></section>"
    )


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else default
