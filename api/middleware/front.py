"""What happens to each request before its route and to each answer behind it, in one pass.

One layer for each of these things would be clearer still, but every layer is a coroutine, a
closure and a search through the headers: seven took a tenth of a submission's processor time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

from asgi_correlation_id import correlation_id
from sse_starlette.sse import SendTimeoutError
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.links import Links
from api.metrics import ApiMetrics
from api.middleware.age import data_age
from api.middleware.headers import RAW_HEADERS
from api.middleware.limits import check_announced, too_large
from api.middleware.trace import request_id_from, traceparent_from
from api.problems import problem_response
from api.store_age import StoreAge

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Front:
    """Names the request, limits its body, counts it, and turns whatever is raised into a problem.

    Nothing else in the API catches to answer. Headers that every answer has are added where the
    answer does not say otherwise.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ApiMetrics,
        links: Links,
        age: StoreAge,
        most_body_bytes: int,
        larger_bodies: Mapping[str, int],
    ) -> None:
        """``larger_bodies``: paths with a limit of their own, bytes."""
        self._app = app
        self._metrics = metrics
        self._links = links
        self._age = age
        self._most_body_bytes = most_body_bytes
        self._larger_bodies = larger_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        request_ids, traceparents, announced = [], [], None
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced = announced or value
            elif name == b"x-request-id":
                request_ids.append(value)
            elif name == b"traceparent":
                traceparents.append(value)
        request_id = request_id_from(request_ids) if request_ids else secrets.token_hex(16)
        correlation_id.set(request_id)
        scope.setdefault("state", {})["traceparent"] = traceparent_from(traceparents)
        most_bytes = self._larger_bodies.get(scope["path"], self._most_body_bytes)
        received = 0
        has_started = False

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > most_bytes:
                    raise too_large(most_bytes)
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                message["headers"] = self._headers(scope, message, request_id)
                # Until the headers: a stream's life is no latency.
                self._metrics.answered(
                    scope["method"] if scope["method"] in METHODS else "other",
                    getattr(scope.get("route"), "path", "none"),
                    message["status"],
                    time.perf_counter() - began_s,
                )
            await send(message)

        try:
            check_announced(announced, most_bytes)
            await self._app(scope, receive_within_limit, send_with_headers)
        except (ClientDisconnect, SendTimeoutError):
            return  # nobody is left to answer; the server closes the connection
        except Exception as error:
            if has_started:
                raise  # the server cuts the connection, so that the client sees the loss
            answer = problem_response(Request(scope), error, self._links)
            await answer(scope, receive_within_limit, send_with_headers)

    def _headers(
        self, scope: Scope, message: Message, request_id: str
    ) -> list[tuple[bytes, bytes]]:
        """Those of the answer, with ours."""
        headers = list(message.get("headers", ()))
        names = {name for name, _ in headers}
        headers += [pair for pair in RAW_HEADERS if pair[0] not in names]
        headers.append((b"x-request-id", request_id.encode()))
        if scope["method"] == "GET" and message["status"] < 400:
            seconds = data_age(scope["path"], self._age)
            if seconds is not None:
                headers.append((b"x-data-age", f"{seconds:.1f}".encode()))
        return headers
