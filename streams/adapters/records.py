"""Between our types and Kafka records: Avro value, CloudEvents headers (binary mode)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from schemas.codec import Codec
from schemas.errors import UnreadableValueError
from streams.adapters import record_parts as parts
from streams.adapters import record_types as kinds
from streams.adapters.record_parts import (
    Envelope,
    built,
    envelope_in,
    fields_of,
    traceparent_of,
    with_key,
)
from streams.domain.erasure import ErasureEvent, ErasureRequested, Erasures, RecordedErasure
from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.ids import event_id, new_job_id
from streams.domain.items import NewItem, RecordedItem
from streams.domain.monitor_events import RecordedMonitor
from streams.domain.place import PLACE_EVENT_TYPES, RecordedPlaceEvent
from streams.domain.recorded import NewEvent, Recorded
from streams.domain.replays import RecordedReplay
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.domain.webhook import RecordedDelivery
from streams.errors import UnreadableRecordError
from streams.personal_keys import PersonalKeys
from streams.ports import NewRecord, RawRecord
from streams.topics import (
    ERASURE_EVENTS,
    JOB_EVENTS,
    MONITOR_EVENTS,
    PLACE_EVENTS,
    REPLAY_EVENTS,
    SCRAPED_ITEMS,
    TASKS,
    WEBHOOK_EVENTS,
    WORKER_CONTROL,
    WORKER_HEARTBEATS,
)

SEALED_TOPICS = frozenset({SCRAPED_ITEMS, PLACE_EVENTS})
"""Topics whose records may be encrypted in part."""


class Records:
    """Turns our types into records and back.

    The ``read_...`` methods raise UnreadableRecordError for what can never be read. Call
    ``learn`` with the raw records first: it fetches schemas that were registered since.
    """

    def __init__(self, codec: Codec, source: str, erasures: Erasures | None = None) -> None:
        self.codec = codec
        self.erasures = Erasures() if erasures is None else erasures
        """What is left out of all that is read."""
        self.catch_up: Callable[[], Awaitable[None]] = parts.nothing
        """Brings ``erasures`` up to the log as it is now; ``ErasureBook`` sets it."""
        self.keys: PersonalKeys | None = None
        """For items that are encrypted; without, they are read as they are."""
        self._source = ("ce_source", source.encode())
        """CloudEvents ``source``: the role that writes, such as ``/scrapestream/api``."""

    async def learn(self, raws: Iterable[RawRecord]) -> None:
        """Fetch schemas and keys not seen before.

        Raises:
            RegistryError, LogUnavailableError: the registry is away, or the keys; call again.
        """
        raws = list(raws)
        await self.codec.learn([raw.value for raw in raws])
        if self.keys is not None:
            named = (parts.key_id_of(raw) for raw in raws if raw.topic in SEALED_TOPICS)
            await self.keys.learn(key_id for key_id in named if key_id is not None)

    def event(self, new: NewEvent) -> NewRecord:
        """The record of a job event."""
        fields = msgspec.to_builtins(new.event, builtin_types=(datetime,))
        return self._record(JOB_EVENTS, type(new.event).__name__, new.job_id, new, fields)

    def item(self, new: NewItem) -> NewRecord:
        """The record of an item. Raises ValueError when it does not fit its schema."""
        record = self._record(SCRAPED_ITEMS, new.schema, new.job_id, new, new.fields)
        return with_key(record, new.key_id)

    def task(self, task: ScrapeTask) -> NewRecord:
        """The record of a task for workers."""
        fields = fields_of(task)
        del fields["traceparent"]
        envelope = Envelope(
            event_id=event_id(task.job_id, "ScrapeTask", task.attempt),
            job_id=task.job_id,
            tenant=task.tenant,
            traceparent=task.traceparent,
        )
        return self._record(TASKS[task.priority], "ScrapeTask", task.job_id, envelope, fields)

    def order(self, order: StopAttempt | DrainWorker) -> NewRecord:
        """The record of an order to a worker."""
        if isinstance(order, DrainWorker):
            named, job_id = str(new_job_id()), ""
        else:
            ordinal, job_id = f"{order.worker}:{order.reason}", str(order.job_id)
            named = event_id(job_id, "StopAttempt", order.attempt, ordinal)
        envelope, name = Envelope(event_id=named, job_id=job_id), type(order).__name__
        return self._record(WORKER_CONTROL, name, order.worker, envelope, fields_of(order))

    def report(self, report: WorkerReported) -> NewRecord:
        """The record of what a worker says of itself."""
        envelope = Envelope(event_id=new_job_id(), job_id="", at=report.occurred_at)
        fields, name = fields_of(report), "WorkerReported"
        return self._record(WORKER_HEARTBEATS, name, report.worker, envelope, fields)

    def delivery(self, new: RecordedDelivery) -> NewRecord:
        """The record of a webhook delivery's event."""
        fields = {"delivery_id": new.delivery_id, **fields_of(new.event)}
        return self._record(WEBHOOK_EVENTS, type(new.event).__name__, new.delivery_id, new, fields)

    def erasure(self, event: ErasureEvent, at: datetime) -> NewRecord:
        """The record of an erasure's event."""
        name = type(event).__name__
        ordinal = ",".join(event.job_ids) if isinstance(event, ErasureRequested) else 0
        envelope = Envelope(
            event_id=event_id(event.erasure_id, name, ordinal=ordinal), job_id="", at=at
        )
        return self._record(ERASURE_EVENTS, name, event.erasure_id, envelope, fields_of(event))

    def replay(self, new: RecordedReplay) -> NewRecord:
        """The record of a replay's event."""
        envelope = Envelope(event_id=new.event_id, job_id="", at=new.occurred_at)
        fields = {"replay_id": new.replay_id, **fields_of(new.event)}
        name = type(new.event).__name__
        return self._record(REPLAY_EVENTS, name, new.replay_id, envelope, fields)

    def place_event(self, new: RecordedPlaceEvent) -> NewRecord:
        """The record of a place event."""
        fields = {"place_id": new.place_id, **fields_of(new.event)}
        record = self._record(PLACE_EVENTS, type(new.event).__name__, new.place_id, new, fields)
        return with_key(record, new.key_id)

    def monitor(self, new: RecordedMonitor) -> NewRecord:
        """The record of a monitor's event."""
        fields = {"monitor_id": new.monitor_id, **fields_of(new.event)}
        return self._record(MONITOR_EVENTS, type(new.event).__name__, new.monitor_id, new, fields)

    def read_event(self, raw: RawRecord) -> Recorded:
        """A job event."""
        name, record = self._decoded(raw, kinds.JOB_EVENT_TYPES)
        recorded = Recorded(
            # Spelled out, in their order: this is called for every event that a process reads.
            record["job_id"],
            record["tenant"],
            record["event_id"],
            record["occurred_at"],
            raw.partition,
            raw.offset,
            built(record, kinds.JOB_EVENT_TYPES[name]),
            traceparent_of(raw),
        )
        return self.erasures.event(recorded) if self.erasures.jobs else recorded

    def read_item(self, raw: RawRecord) -> RecordedItem:
        """An item."""
        name, record = self._decoded(raw, kinds.ITEM_TYPES)
        item = RecordedItem(
            **envelope_in(record),
            partition=raw.partition,
            offset=raw.offset,
            schema=name,
            fields={field: value for field, value in record.items() if field not in parts.ENVELOPE},
        )
        item = parts.unsealed_item(item, parts.key_id_of(raw), self.keys)
        return self.erasures.item(item) if self.erasures else item

    def read_task(self, raw: RawRecord) -> ScrapeTask:
        """A task."""
        _, record = self._decoded(raw, {"ScrapeTask": ScrapeTask})
        return built({**record, "traceparent": traceparent_of(raw)}, ScrapeTask)

    def read_order(self, raw: RawRecord) -> StopAttempt | DrainWorker:
        """An order to a worker."""
        name, record = self._decoded(raw, kinds.ORDER_TYPES)
        return built(record, kinds.ORDER_TYPES[name])

    def read_report(self, raw: RawRecord) -> WorkerReported:
        """What a worker says of itself."""
        _, record = self._decoded(raw, {"WorkerReported": WorkerReported})
        return built(record, WorkerReported)

    def read_delivery(self, raw: RawRecord) -> RecordedDelivery:
        """A webhook delivery's event."""
        name, record = self._decoded(raw, kinds.DELIVERY_TYPES)
        delivery = RecordedDelivery(
            **envelope_in(record),
            delivery_id=record["delivery_id"],
            partition=raw.partition,
            offset=raw.offset,
            event=built(record, kinds.DELIVERY_TYPES[name]),
            traceparent=traceparent_of(raw),
        )
        return self.erasures.delivery(delivery) if self.erasures.jobs else delivery

    def read_erasure(self, raw: RawRecord) -> RecordedErasure:
        """An erasure's event."""
        name, record = self._decoded(raw, kinds.ERASURE_TYPES)
        return RecordedErasure(
            event=built(record, kinds.ERASURE_TYPES[name]),
            occurred_at=record["occurred_at"],
        )

    def read_replay(self, raw: RawRecord) -> RecordedReplay:
        """A replay's event."""
        name, record = self._decoded(raw, kinds.REPLAY_TYPES)
        return RecordedReplay(
            replay_id=record["replay_id"],
            event_id=record["event_id"],
            occurred_at=record["occurred_at"],
            event=built(record, kinds.REPLAY_TYPES[name]),
        )

    def read_place_event(self, raw: RawRecord) -> RecordedPlaceEvent:
        """A place event."""
        name, record = self._decoded(raw, PLACE_EVENT_TYPES)
        recorded = RecordedPlaceEvent(
            **envelope_in(record),
            place_id=record["place_id"],
            partition=raw.partition,
            offset=raw.offset,
            event=built(record, PLACE_EVENT_TYPES[name]),
            traceparent=traceparent_of(raw),
        )
        recorded = parts.unsealed_place_event(recorded, parts.key_id_of(raw), self.keys)
        return self.erasures.place_event(recorded) if self.erasures else recorded

    def read_monitor(self, raw: RawRecord) -> RecordedMonitor:
        """A monitor's event."""
        name, record = self._decoded(raw, kinds.MONITOR_TYPES)
        return RecordedMonitor(
            **envelope_in(record),
            monitor_id=record["monitor_id"],
            partition=raw.partition,
            offset=raw.offset,
            event=built(record, kinds.MONITOR_TYPES[name]),
            traceparent=traceparent_of(raw),
        )

    def _record(
        self,
        topic: str,
        name: str,
        key: str,
        envelope: NewEvent
        | NewItem
        | RecordedDelivery
        | RecordedPlaceEvent
        | RecordedMonitor
        | Envelope,
        fields: Mapping[str, Any],
    ) -> NewRecord:
        record = {
            "event_id": envelope.event_id,
            "job_id": envelope.job_id,
            "tenant": envelope.tenant,
            "occurred_at": envelope.occurred_at,
            **fields,
        }
        headers = [
            parts.SPEC_HEADER,
            ("ce_id", envelope.event_id.encode()),
            parts.type_header(name),
            self._source,
            parts.time_header(envelope.occurred_at),
            ("ce_subject", envelope.job_id.encode()),
            parts.CONTENT_HEADER,
        ]
        if envelope.traceparent:
            headers.append(parts.trace_header(envelope.traceparent))
        return NewRecord(
            topic=topic,
            key=key.encode(),
            value=self.codec.encode(topic, name, record),
            headers=headers,
        )

    def _decoded(self, raw: RawRecord, types: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        try:
            decoded = self.codec.decode(raw.value)
        except UnreadableValueError as error:
            raise UnreadableRecordError(str(error)) from error
        if decoded[0] not in types:
            raise UnreadableRecordError(f"{decoded.name} does not belong into {raw.topic}")
        return decoded
