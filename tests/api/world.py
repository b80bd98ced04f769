"""The world around the API in these tests: the log, the store, the other roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx2
from cryptography.fernet import Fernet
from starlette.applications import Starlette

from api.app import ApiParts, api_of, build_app
from api.job_memory import JobMemory
from api.live_view import LiveView
from api.monitor_view import MonitorView
from api.pause import Pause
from api.server import open_socket, serve
from schemas.codec import Codec, open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.memory_store import MemoryJobStore
from streams.adapters.records import Records
from streams.catalogue import Catalogue, Kind
from streams.dead_letter_box import DeadLetterBox
from streams.domain.events import ItemsSpan, JobEvent
from streams.domain.ids import JobId
from streams.domain.recorded import Recorded, new_event
from streams.domain.webhook import DeliveryAttempted, RecordedDelivery
from streams.errors import InvalidRequestError
from streams.replay_board import ReplayBoard, Replays
from streams.sealing import Sealer
from streams.settings import Settings
from streams.topics import JOB_EVENTS, topic_schemas
from tests.api.job_events import (
    BEGAN,
    PLACE,
    completed,
    described,
    progress,
    review,
    started,
)

WAIT_S = 5.0
NOBODY = "0" * 32  # the id of no job
BASE_URL = "http://127.0.0.1:8080"


@dataclass
class Process:
    """One API process."""

    app: Starlette
    live: LiveView
    client: httpx2.AsyncClient
    base_url: str
    stop: asyncio.Event | None = None
    serving: asyncio.Task[None] | None = None

    async def is_caught_up(self) -> None:
        assert await self.live.is_caught_up(WAIT_S)

    async def read(self, job_id: str) -> dict[str, object]:
        answer = await self.client.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, object] = answer.json()
        return job

    async def submit(self, url: str = PLACE, **fields: Any) -> JobId:
        answer = await self.client.post("/scrape", json={"url": url, **fields})
        assert answer.status_code == 202, answer.text
        return JobId(answer.json()["job_id"])


@dataclass
class World:
    """The parts that API processes share, and hands to play the other roles."""

    settings: Settings
    broker: MemoryBroker
    store: MemoryJobStore
    codec: Codec
    log: RecordEventLog
    stack: AsyncExitStack
    sealer: Sealer
    workers: int = 1
    ticks: int = 0
    kafka_checks: int = 0

    def parts(self, settings: Settings, live: LiveView) -> ApiParts:
        return ApiParts(
            settings=settings,
            event_log=self.log,
            store=self.store,
            live=live,
            monitors=MonitorView(reader=MemoryReader(self.broker), records=self.records("api")),
            catalogue=Catalogue(kinds=[GOOGLE]),
            sealer=self.sealer,
            checks={"kafka": self._check_kafka, "clickhouse": self.store.ping},
            live_workers=self._live_workers,
            dead_letters=DeadLetterBox(MemoryReader(self.broker), self.log, self.records("api")),
            replays=ReplayBoard(
                MemoryReader(self.broker),
                Replays(self.records("api").learn, self.records("api").read_replay),
            ),
            check_webhook=_check_webhook,
        )

    def live_view(self, memory: JobMemory | None = None) -> LiveView:
        return LiveView(
            reader=MemoryReader(self.broker),
            store=self.store,
            records=self.records("api"),
            kinds=["google_reviews"],
            memory=memory,
            tidy_every_s=0.05,
        )

    async def start(
        self,
        *,
        memory: JobMemory | None = None,
        change: Callable[[ApiParts], ApiParts] = lambda parts: parts,
        wait_until_ready: bool = True,
        **settings: Any,
    ) -> Process:
        """One more API process, called without a server: for all but streams."""
        chosen = replace(self.settings, **{"api_port": 8080, **settings})
        live = self.live_view(memory)
        app = build_app(change(self.parts(chosen, live)))
        running = asyncio.create_task(self._run_behind(app, live))
        self.stack.push_async_callback(_cancelled, running)
        transport = httpx2.ASGITransport(app=app)
        return await self._process(app, live, BASE_URL, transport, wait_until_ready)

    async def serve(self, *, memory: JobMemory | None = None) -> Process:
        """One more API process behind a real server."""
        listening = open_socket(self.settings)
        port = listening.getsockname()[1]
        live = self.live_view(memory)
        app = build_app(self.parts(replace(self.settings, api_port=port), live))
        stop, started = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(
            serve(
                app,
                self.settings,
                listening=listening,
                stop=stop,
                on_started=lambda _: started.set(),
            )
        )

        async def end() -> None:
            stop.set()
            await serving

        self.stack.push_async_callback(end)
        async with asyncio.timeout(WAIT_S):
            await started.wait()
        process = await self._process(app, live, f"http://127.0.0.1:{port}", None, True)
        process.stop, process.serving = stop, serving
        return process

    async def _process(
        self,
        app: Starlette,
        live: LiveView,
        base_url: str,
        transport: httpx2.ASGITransport | None,
        wait_until_ready: bool,
    ) -> Process:
        client = httpx2.AsyncClient(
            base_url=base_url, transport=transport, trust_env=False, timeout=10
        )
        await self.stack.enter_async_context(client)
        if wait_until_ready:
            await eventually(lambda: live.is_ready)
        return Process(app, live, client, base_url)

    async def _run_behind(self, app: Starlette, live: LiveView) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(live.run())
            group.create_task(api_of(app).parts.monitors.run())
            group.create_task(api_of(app).health.watch())

    def records(self, role: str) -> Records:
        return Records(self.codec, f"/scrapestream/{role}")

    async def append(
        self, job_id: JobId, *events: JobEvent, ordinal: str | int | None = None
    ) -> None:
        """Append events as the other roles do, each a second after the one before."""
        for event in events:
            self.ticks += 1
            at = BEGAN + timedelta(seconds=self.ticks)
            named = self.ticks if ordinal is None else ordinal
            await self.log.append([new_event(job_id, "public", event, at, ordinal=named)])

    async def run_job(self, process: Process, steps: int = 8) -> JobId:
        """A job from its request to its end, ten reviews a step."""
        job_id = await process.submit()
        reports = [progress(10 * (step + 1)) for step in range(steps)]
        await self.append(job_id, *started(), described(10 * steps), *reports)
        await self.append(job_id, *completed(10 * steps))
        await process.is_caught_up()
        return job_id

    async def put_items(self, job_id: JobId, count: int, first: int = 1) -> ItemsSpan:
        positions = await self.log.append_items(
            [review(job_id, number) for number in range(first, first + count)]
        )
        return ItemsSpan(
            partition=positions[0].partition,
            first=positions[0].offset,
            end=positions[-1].offset + 1,
        )

    async def deliver(self, *, ok: bool) -> None:
        await self.log.append_delivery(
            RecordedDelivery(
                delivery_id="d-1",
                job_id=JobId("0" * 32),
                tenant="public",
                event_id=f"e-{self.ticks}",
                occurred_at=BEGAN,
                event=DeliveryAttempted(attempt=1, ok=ok, duration_ms=5.0),
            )
        )

    def history(self, job_id: JobId) -> list[Recorded]:
        """What the log says of a job."""
        records = self.records("test")
        events = [records.read_event(raw) for raw in self.broker.records(JOB_EVENTS)]
        return [recorded for recorded in events if recorded.job_id == job_id]

    def ids(self, job_id: JobId) -> list[str]:
        """The SSE ids of a job's events."""
        return [f"{one.partition}-{one.offset}" for one in self.history(job_id)]

    async def _check_kafka(self) -> None:
        self.kafka_checks += 1
        self.broker.check()

    async def _live_workers(self) -> int:
        return self.workers


GOOGLE = Kind(
    name="google_reviews",
    accepts=lambda url: "google." in url and "/maps/place/" in url,
    examples=["https://www.google.com/maps/place/..."],
    item_schema="GoogleReview",
    item_id="review_id",
)


def _check_webhook(url: str) -> None:
    if "169.254." in url:
        raise InvalidRequestError("webhook_url is not on the public internet")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for a fact, with a deadline."""
    pause = Pause(first_s=0.002, longest_s=0.02)
    async with asyncio.timeout(WAIT_S):
        while not is_so():
            await pause.wait()


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    codec = await open_codec(registry, topic_schemas())
    broker = MemoryBroker()
    key = Fernet.generate_key().decode()
    async with AsyncExitStack() as stack:
        yield World(
            settings=Settings(api_port=0, secret_key=key, shutdown_s=10.0),
            broker=broker,
            store=MemoryJobStore(broker, Records(codec, "/scrapestream/test")),
            codec=codec,
            log=RecordEventLog(broker, Records(codec, "/scrapestream/api")),
            stack=stack,
            sealer=Sealer(key),
        )
