"""Faust in our process: one app a role, one agent a topic, a timer for its sweep.

An event's way from the consumer to the agent costs some 85 microseconds (docs/hazards.md). A role
that reads very many has what was fetched of a partition at once as one event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from streams.errors import ScrapestreamError
from streams.patience import PATIENT_BYTES, PATIENT_MS
from streams.ports import RawRecord
from streams.settings import Settings

Handler = Callable[[Sequence[RawRecord]], Awaitable[None]]
SWEEP_S = 1.0
MOST_AT_ONCE = 500
"""Records of an event: some 30 ms of an orchestrator's work (H4)."""
MOST_WAITING = 8
"""Events that wait for an agent; the rest of a flood waits at the broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentApp:
    """What a role gives to Faust."""

    name: str
    """Also the consumer group: never change it."""
    handlers: Mapping[str, Handler]
    """For each topic, what is done with records of one partition. It must not raise for a bad
    one: Faust counts an event as done when its agent fails (docs/hazards.md, H2)."""
    sweep: Callable[[Mapping[str, frozenset[int]]], Awaitable[None]]
    """Called each second with the partitions of each topic that this process has."""
    has_batches: bool = False
    """Whether handlers get all that was fetched of a partition, not one record after the other.
    It counts as done as a whole, also when the process ends in the middle (H2): only for a role
    whose state is the log's fold, and whose offsets may be anything."""
    is_patient: bool = False
    """Whether few records come some ``PATIENT_MS`` late and together: see ``patience``."""


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


class BatchMessage(ConsumerMessage):
    """The last of some records of a partition, with all of them."""

    batch: Sequence[Any] = ()


class BatchConsumer(Consumer):
    """Hands on what was fetched of a partition as one message; it is acknowledged as one.

    Faust takes the offsets between two messages for a gap in the log, and commits past it.
    """

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:
        fetched, active = await super()._wait_next_records(timeout)
        if fetched is not None:
            fetched = {partition: [batch] for partition, batch in fetched.items() if batch}
        return fetched, active

    def _to_message(self, tp: TP, record: Sequence[Any]) -> ConsumerMessage:
        last = record[-1]
        message = BatchMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            b"",
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.batch = record
        return message


class BatchTransport(Transport):
    """Faust's, with our consumer."""

    Consumer = BatchConsumer


class PatientThread(AIOKafkaConsumerThread):
    """Lets the broker hold a fetch until it has much to give, or ``PATIENT_MS`` are over."""

    def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for either; they are read when the consumer starts.
        consumer._fetch_min_bytes = PATIENT_BYTES  # noqa: SLF001
        consumer._fetch_max_wait_ms = PATIENT_MS  # noqa: SLF001
        return consumer


class PatientConsumer(Consumer):
    """Faust's, with our thread."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return PatientThread(self, loop=self.loop, beacon=self.beacon)


class PatientTransport(Transport):
    """Faust's, with our consumer."""

    Consumer = PatientConsumer


def _app(settings: Settings, role: AgentApp, directory: str) -> faust.App:
    app = faust.App(
        role.name,
        broker=[f"kafka://{address}" for address in settings.brokers()],
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",  # the other one doubles and crashes: H3
        stream_wait_empty=False,  # H4
        broker_max_poll_records=MOST_AT_ONCE,
        stream_buffer_maxsize=MOST_WAITING if role.has_batches else None,
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
    if role.has_batches:
        app.transport = BatchTransport(app.conf.broker_consumer, app)
    elif role.is_patient:
        app.transport = PatientTransport(app.conf.broker_consumer, app)
    return app


def _add_agent(app: faust.App, topic: str, handler: Handler) -> None:
    # One at a time: with more, an offset can be committed past a message in flight (H1).
    @app.agent(app.topic(topic, key_type=bytes, value_type=bytes), name=topic, concurrency=1)
    async def agent(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            await handler([_raw(record) for record in _records(event.message)])


def _assigned(app: faust.App, topics: Iterable[str]) -> Mapping[str, frozenset[int]]:
    assigned = app.consumer.assignment()
    return {
        topic: frozenset(part.partition for part in assigned if part.topic == topic)
        for topic in topics
    }


def _records(message: ConsumerMessage) -> Sequence[Any]:
    return message.batch if isinstance(message, BatchMessage) else [message]


def _raw(record: Any) -> RawRecord:
    return RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=_headers(record.headers),
    )


def _headers(headers: object) -> list[tuple[str, bytes]]:
    if isinstance(headers, Mapping):
        return list(headers.items())
    return list(headers) if isinstance(headers, Iterable) else []
