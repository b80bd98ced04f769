"""``POST /scrape`` without a network: processor time of the API's own code for one request.

The application is called as a server calls it; log, store and registry are those in memory. What
is left out is the server's HTTP, the Kafka client, and other processes that take the processor.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.types import Message, Scope

from api.app import ApiParts, build_app
from api.live_view import LiveView
from api.monitor_view import MonitorView
from bench.report import line
from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from scrapestream.process.api import catalogue_of
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.memory_store import MemoryJobStore
from streams.adapters.records import Records
from streams.dead_letter_box import DeadLetterBox
from streams.garbage import rare_garbage_collection
from streams.replay_board import ReplayBoard, Replays
from streams.sealing import Sealer
from streams.settings import Settings
from streams.topics import topic_schemas

BODY = msgspec.json.encode({"url": "https://www.google.com/maps/place/Cafe+Central"})
SECRET_KEY = "0" * 43 + "="
REQUESTS = 10_000
AT_ONCE = 64
HEADERS = (
    (b"host", b"127.0.0.1:8080"),
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
)


async def measure(_directory: Path) -> None:
    """Two figures: the request alone, and with this process reading its own events back."""
    for what, reads_back in (("accept", False), ("accept and read back", True)):
        line(f"{what}: processor time", await _cost_us(reads_back=reads_back), "us/request")


async def _cost_us(*, reads_back: bool) -> float:
    app, live = await _application()
    following = asyncio.create_task(live.run()) if reads_back else None
    try:
        with rare_garbage_collection():  # as the process does
            await _post(app, REQUESTS // 10)
            began_s = time.process_time()
            await _post(app, REQUESTS)
            if reads_back and not await live.is_caught_up(60):
                raise RuntimeError("the live view does not catch up")
            return (time.process_time() - began_s) / REQUESTS * 1e6
    finally:
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


async def _application() -> tuple[Starlette, LiveView]:
    settings = replace(
        Settings.from_env({"SCRAPESTREAM_SECRET_KEY": SECRET_KEY}),
        api_port=8080,
        max_open_jobs=10 * REQUESTS,
    )
    registry, topics = MemoryRegistry(), topic_schemas()
    await register_schemas(registry, topics)
    records = Records(await open_codec(registry, topics), "/scrapestream/api")
    broker = MemoryBroker()
    store = MemoryJobStore(broker, records)
    log = RecordEventLog(broker, records)
    live = LiveView(reader=MemoryReader(broker), store=store, records=records)

    async def workers() -> int:
        return 1

    parts = ApiParts(
        settings=settings,
        event_log=log,
        store=store,
        live=live,
        monitors=MonitorView(reader=MemoryReader(broker), records=records),
        catalogue=catalogue_of(settings),
        sealer=Sealer(settings.secret_key),
        checks={},
        live_workers=workers,
        dead_letters=DeadLetterBox(MemoryReader(broker), log, records),
        replays=ReplayBoard(MemoryReader(broker), Replays(records.learn, records.read_replay)),
        check_webhook=lambda _url: None,
    )
    return build_app(parts), live


async def _post(app: Starlette, count: int) -> None:
    async def client() -> None:
        for _ in range(count // AT_ONCE):
            await _post_once(app)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


async def _post_once(app: Starlette) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 202:
            raise RuntimeError(f"status {message['status']}")

    await app(_scope(), receive, send)


def _scope() -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 40000),
        "scheme": "http",
        "method": "POST",
        "root_path": "",
        "path": "/scrape",
        "raw_path": b"/scrape",
        "query_string": b"",
        "headers": list(HEADERS),
        "state": {},
    }
