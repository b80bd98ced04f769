"""``X-Data-Age``: how old an answer may be, seconds."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.store_age import StoreAge

# What is answered from the store, wholly or in part; everything else of a job is the log's own.
STORED = re.compile(r"/jobs|/jobs/[^/]+/(reviews|events)|/batches/[^/]+/jobs")
LIVE = re.compile(r"/jobs/[^/]+|/batches/[^/]+")


class DataAge:
    """Says with each answer about jobs how far it may lag behind the log."""

    def __init__(self, app: ASGIApp, age: StoreAge) -> None:
        self._app = app
        self._age = age

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        is_stored, is_live = STORED.fullmatch(path), LIVE.fullmatch(path)
        if not (is_stored or is_live):
            await self._app(scope, receive, send)
            return

        async def send_with_age(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                seconds = self._age.seconds() if is_stored else 0.0
                MutableHeaders(scope=message)["X-Data-Age"] = f"{seconds:.1f}"
            await send(message)

        await self._app(scope, receive, send_with_age)
