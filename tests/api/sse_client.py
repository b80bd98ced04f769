"""A small EventSource: messages as the HTML standard has them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True)
class Message:
    event: str
    id: str
    data: dict[str, Any]


@dataclass
class EventStream:
    response: httpx2.Response
    retry_ms: int | None = None
    types: Collection[str] = ("message",)
    """Events of other types are left out, as a browser's ``onmessage`` leaves them."""

    async def __aiter__(self) -> AsyncIterator[Message]:
        data: list[str] = []
        event, last_id = "", ""
        async for line in self.response.aiter_lines():
            if not line:
                if data and (event or "message") in self.types:
                    yield Message(event or "message", last_id, json.loads("\n".join(data)))
                data, event = [], ""
                continue
            if line.startswith(":"):
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "data":
                    data.append(value)
                case "event":
                    event = value
                case "id":
                    last_id = value
                case "retry":
                    self.retry_ms = int(value)
                case _:
                    raise AssertionError(f"unknown field {name!r}")


@asynccontextmanager
async def open_stream(
    client: httpx2.AsyncClient,
    path: str,
    last_id: str | None = None,
    types: Collection[str] = ("message",),
) -> AsyncIterator[EventStream]:
    headers = {"Accept": "text/event-stream"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, (await response.aread(), response.status_code)
        assert response.headers["content-type"].startswith("text/event-stream")
        yield EventStream(response, types=types)


async def all_messages(
    client: httpx2.AsyncClient, path: str, last_id: str | None = None
) -> list[Message]:
    """Every message until the server ends the stream."""
    async with open_stream(client, path, last_id) as stream:
        return [message async for message in stream]
