"""Faust in our process: one app a role, one agent a topic, a timer for its sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import faust

from streams.errors import ScrapestreamError
from streams.ports import RawRecord
from streams.settings import Settings

Handler = Callable[[RawRecord], Awaitable[None]]
SWEEP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentApp:
    """What a role gives to Faust."""

    name: str
    """Also the consumer group: never change it."""
    handlers: Mapping[str, Handler]
    """For each topic, what is done with a record. It must not raise for a bad record: Faust
    counts an event as done when its agent fails (docs/hazards.md, H2)."""
    sweep: Callable[[Mapping[str, frozenset[int]]], Awaitable[None]]
    """Called each second with the partitions of each topic that this process has."""


async def run_app(settings: Settings, role: AgentApp, ready: asyncio.Event) -> None:
    """Run ``role`` until cancelled; sets ``ready`` when partitions are assigned.

    Raises:
        ScrapestreamError: Faust stopped by itself: let the process restart.
    """
    with TemporaryDirectory(prefix=f"scrapestream-{role.name}-") as directory:
        app = _app(settings, role, directory)
        for topic, handler in role.handlers.items():
            _add_agent(app, topic, handler)

        @app.timer(interval=SWEEP_S)  # type: ignore[untyped-decorator]
        async def sweep() -> None:
            await role.sweep(_assigned(app, role.handlers))
            ready.set()

        app.finalize()
        await app.start()
        try:
            # Ends only when an agent or a timer of the app has crashed.
            await app.wait_for_stopped(asyncio.get_running_loop().create_future())
            raise ScrapestreamError(f"Faust stopped: {app.crash_reason!r}")
        finally:
            await app.stop()


def _app(settings: Settings, role: AgentApp, directory: str) -> faust.App:
    return faust.App(
        role.name,
        broker=[f"kafka://{address}" for address in settings.brokers()],
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",  # the other one doubles and crashes: H3
        stream_wait_empty=False,  # H4
        broker_max_poll_records=500,  # H4
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_commit_interval=1.0,
        consumer_group_instance_id=settings.instance_id or None,
        topic_disable_leader=True,
        topic_allow_declare=False,  # `scrapestream topics` creates them
        topic_partitions=24,
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
        datadir=directory,  # for tables, which we do not have; without it: the working directory
        debug=False,
    )


def _add_agent(app: faust.App, topic: str, handler: Handler) -> None:
    # One at a time: with more, an offset can be committed past a message in flight (H1).
    @app.agent(app.topic(topic, key_type=bytes, value_type=bytes), name=topic, concurrency=1)
    async def agent(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            message = event.message
            await handler(
                RawRecord(
                    topic=message.topic,
                    partition=message.partition,
                    offset=message.offset,
                    key=message.key,
                    value=message.value,
                    headers=_headers(message.headers),
                )
            )


def _assigned(app: faust.App, topics: Iterable[str]) -> Mapping[str, frozenset[int]]:
    assigned = app.consumer.assignment()
    return {
        topic: frozenset(part.partition for part in assigned if part.topic == topic)
        for topic in topics
    }


def _headers(headers: object) -> list[tuple[str, bytes]]:
    if isinstance(headers, Mapping):
        return list(headers.items())
    return list(headers) if isinstance(headers, Iterable) else []
