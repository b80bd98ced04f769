"""Between our types and Kafka records: Avro value, CloudEvents headers (binary mode)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

import msgspec

from schemas.catalog import all_schemas, schemas_in
from schemas.codec import Codec
from schemas.errors import UnreadableValueError
from streams.domain.events import AUTHORS, JobEvent
from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.ids import event_id, new_job_id
from streams.domain.items import NewItem, RecordedItem
from streams.domain.place import PLACE_EVENT_TYPES, RecordedPlaceEvent
from streams.domain.recorded import NewEvent, Recorded
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.domain.webhook import (
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryExhausted,
    DeliveryScheduled,
    RecordedDelivery,
)
from streams.errors import UnreadableRecordError
from streams.ports import NewRecord, RawRecord
from streams.topics import (
    JOB_EVENTS,
    PLACE_EVENTS,
    SCRAPED_ITEMS,
    TASKS,
    WEBHOOK_EVENTS,
    WORKER_CONTROL,
    WORKER_HEARTBEATS,
)

ENVELOPE = frozenset({"event_id", "job_id", "tenant", "occurred_at"})
T = TypeVar("T")

JOB_EVENT_TYPES: Mapping[str, type[JobEvent]] = {cls.__name__: cls for cls in AUTHORS}
DELIVERY_TYPES: Mapping[str, type[DeliveryEvent]] = {
    cls.__name__: cls for cls in (DeliveryScheduled, DeliveryAttempted, DeliveryExhausted)
}
ORDER_TYPES: Mapping[str, type[StopAttempt | DrainWorker]] = {
    cls.__name__: cls for cls in (StopAttempt, DrainWorker)
}
ITEM_TYPES = {schema.name: schema for schema in schemas_in("items")}


class Records:
    """Turns our types into records and back.

    The ``read_...`` methods raise UnreadableRecordError for what can never be read. Call
    ``learn`` with the raw records first: it fetches schemas that were registered since.
    """

    def __init__(self, codec: Codec, source: str) -> None:
        self._codec = codec
        self._source = source.encode()
        """CloudEvents ``source``: the role that writes, such as ``/scrapestream/api``."""

    async def learn(self, raws: Iterable[RawRecord]) -> None:
        """Fetch schemas not seen before.

        Raises:
            RegistryError: the registry is away; call again.
        """
        await self._codec.learn(raw.value for raw in raws)

    def event(self, new: NewEvent) -> NewRecord:
        """The record of a job event."""
        fields = msgspec.to_builtins(new.event, builtin_types=(datetime,))
        return self._record(JOB_EVENTS, type(new.event).__name__, new.job_id, new, fields)

    def item(self, new: NewItem) -> NewRecord:
        """The record of an item. Raises ValueError when it does not fit its schema."""
        return self._record(SCRAPED_ITEMS, new.schema, new.job_id, new, new.fields)

    def task(self, task: ScrapeTask) -> NewRecord:
        """The record of a task for workers."""
        fields = _fields(task)
        del fields["traceparent"]
        envelope = _Envelope(
            event_id=event_id(task.job_id, "ScrapeTask", task.attempt),
            job_id=task.job_id,
            tenant=task.tenant,
            traceparent=task.traceparent,
        )
        return self._record(TASKS[task.priority], "ScrapeTask", task.job_id, envelope, fields)

    def order(self, order: StopAttempt | DrainWorker) -> NewRecord:
        """The record of an order to a worker."""
        if isinstance(order, DrainWorker):
            envelope = _Envelope(event_id=new_job_id(), job_id="")
            return self._record(
                WORKER_CONTROL, "DrainWorker", order.worker, envelope, _fields(order)
            )
        return self._stop(order)

    def report(self, report: WorkerReported) -> NewRecord:
        """The record of what a worker says of itself."""
        envelope = _Envelope(event_id=new_job_id(), job_id="", at=report.occurred_at)
        fields = _fields(report)
        return self._record(WORKER_HEARTBEATS, "WorkerReported", report.worker, envelope, fields)

    def _stop(self, stop: StopAttempt) -> NewRecord:
        ordinal = f"{stop.worker}:{stop.reason}"
        envelope = _Envelope(
            event_id=event_id(stop.job_id, "StopAttempt", stop.attempt, ordinal),
            job_id=stop.job_id,
        )
        return self._record(WORKER_CONTROL, "StopAttempt", stop.worker, envelope, _fields(stop))

    def delivery(self, new: RecordedDelivery) -> NewRecord:
        """The record of a webhook delivery's event."""
        fields = {"delivery_id": new.delivery_id, **_fields(new.event)}
        return self._record(WEBHOOK_EVENTS, type(new.event).__name__, new.delivery_id, new, fields)

    def place_event(self, new: RecordedPlaceEvent) -> NewRecord:
        """The record of a place event."""
        fields = {"place_id": new.place_id, **_fields(new.event)}
        return self._record(PLACE_EVENTS, type(new.event).__name__, new.place_id, new, fields)

    def read_event(self, raw: RawRecord) -> Recorded:
        """A job event."""
        name, record = self._decoded(raw, JOB_EVENT_TYPES)
        return Recorded(
            # Spelled out: this is called for every event that a process reads.
            job_id=record["job_id"],
            tenant=record["tenant"],
            event_id=record["event_id"],
            occurred_at=record["occurred_at"],
            partition=raw.partition,
            offset=raw.offset,
            event=_built(record, JOB_EVENT_TYPES[name]),
            traceparent=_traceparent_of(raw),
        )

    def read_item(self, raw: RawRecord) -> RecordedItem:
        """An item."""
        name, record = self._decoded(raw, ITEM_TYPES)
        return RecordedItem(
            **_envelope_in(record),
            partition=raw.partition,
            offset=raw.offset,
            schema=name,
            fields={field: value for field, value in record.items() if field not in ENVELOPE},
        )

    def read_task(self, raw: RawRecord) -> ScrapeTask:
        """A task."""
        _, record = self._decoded(raw, {"ScrapeTask": ScrapeTask})
        return _built({**record, "traceparent": _traceparent_of(raw)}, ScrapeTask)

    def read_order(self, raw: RawRecord) -> StopAttempt | DrainWorker:
        """An order to a worker."""
        name, record = self._decoded(raw, ORDER_TYPES)
        return _built(record, ORDER_TYPES[name])

    def read_report(self, raw: RawRecord) -> WorkerReported:
        """What a worker says of itself."""
        _, record = self._decoded(raw, {"WorkerReported": WorkerReported})
        return _built(record, WorkerReported)

    def read_delivery(self, raw: RawRecord) -> RecordedDelivery:
        """A webhook delivery's event."""
        name, record = self._decoded(raw, DELIVERY_TYPES)
        return RecordedDelivery(
            **_envelope_in(record),
            delivery_id=record["delivery_id"],
            partition=raw.partition,
            offset=raw.offset,
            event=_built(record, DELIVERY_TYPES[name]),
            traceparent=_traceparent_of(raw),
        )

    def read_place_event(self, raw: RawRecord) -> RecordedPlaceEvent:
        """A place event."""
        name, record = self._decoded(raw, PLACE_EVENT_TYPES)
        return RecordedPlaceEvent(
            **_envelope_in(record),
            place_id=record["place_id"],
            partition=raw.partition,
            offset=raw.offset,
            event=_built(record, PLACE_EVENT_TYPES[name]),
            traceparent=_traceparent_of(raw),
        )

    def _record(
        self,
        topic: str,
        name: str,
        key: str,
        envelope: NewEvent | NewItem | RecordedDelivery | RecordedPlaceEvent | _Envelope,
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
            ("ce_specversion", b"1.0"),
            ("ce_id", envelope.event_id.encode()),
            ("ce_type", _ce_type(name)),
            ("ce_source", self._source),
            ("ce_time", _ce_time(envelope.occurred_at)),
            ("ce_subject", envelope.job_id.encode()),
            ("content-type", b"application/avro"),
        ]
        if envelope.traceparent:
            headers.append(("traceparent", envelope.traceparent.encode()))
        return NewRecord(
            topic=topic,
            key=key.encode(),
            value=self._codec.encode(topic, name, record),
            headers=headers,
        )

    def _decoded(self, raw: RawRecord, types: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        try:
            decoded = self._codec.decode(raw.value)
        except UnreadableValueError as error:
            raise UnreadableRecordError(str(error)) from error
        if decoded.name not in types:
            raise UnreadableRecordError(f"{decoded.name} does not belong into {raw.topic}")
        return decoded.name, decoded.record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """The envelope of records that are orders, not events."""

    event_id: str
    job_id: str
    tenant: str = "public"
    traceparent: str | None = None
    at: datetime | None = None

    @property
    def occurred_at(self) -> datetime:
        return self.at or datetime.now(UTC)


@cache
def _ce_type(name: str) -> bytes:
    return all_schemas()[name].full_name.encode()


@lru_cache(maxsize=64)  # events of one call have one time
def _ce_time(at: datetime) -> bytes:
    return at.isoformat().encode()


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, nested ones as dicts, times left as they are."""
    fields = msgspec.to_builtins(value, builtin_types=(datetime,))
    assert isinstance(fields, dict)  # noqa: S101 - a dataclass becomes a dict
    return {name: fields[name] for name in fields if name not in ENVELOPE}


def _envelope_in(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ENVELOPE}


def _built(record: Mapping[str, Any], cls: type[T]) -> T:
    try:
        return msgspec.convert(record, cls)
    except msgspec.ValidationError as error:
        raise UnreadableRecordError(f"{cls.__name__}: {error}") from error


def _traceparent_of(raw: RawRecord) -> str | None:
    value = dict(raw.headers).get("traceparent")
    return None if value is None else value.decode("ascii", "replace")
