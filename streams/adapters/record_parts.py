"""The parts that records of every kind share: envelope, headers, fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

import msgspec

from schemas.catalog import all_schemas
from streams.domain.erasure import ERASED, emptied_place_event
from streams.domain.items import RecordedItem
from streams.domain.place import PlaceScraped, RecordedPlaceEvent
from streams.errors import UnreadableRecordError
from streams.personal_keys import PersonalKeys
from streams.ports import NewRecord, RawRecord
from streams.sealed_fields import KEY_HEADER, BrokenSealError, unsealed
from streams.sealed_places import unsealed_review_event

ENVELOPE = frozenset({"event_id", "job_id", "tenant", "occurred_at"})
OWN_HEADERS = 7
LAST_OWN_HEADER = "content-type"
"""The headers of our records without a trace, and the last of them."""
Header = tuple[str, bytes]
SPEC_HEADER: Header = ("ce_specversion", b"1.0")
CONTENT_HEADER: Header = (LAST_OWN_HEADER, b"application/avro")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The envelope of records that are orders, not events."""

    event_id: str
    job_id: str
    tenant: str = "public"
    traceparent: str | None = None
    at: datetime | None = None

    @property
    def occurred_at(self) -> datetime:
        """When: now, unless it was said."""
        return self.at or datetime.now(UTC)


@cache
def type_header(name: str) -> Header:
    """CloudEvents ``type`` of a schema."""
    return "ce_type", all_schemas()[name].full_name.encode()


@lru_cache(maxsize=64)  # events of one call have one time
def time_header(at: datetime) -> Header:
    """CloudEvents ``time``."""
    return "ce_time", at.isoformat().encode()


@lru_cache(maxsize=64)  # and one trace
def trace_header(traceparent: str) -> Header:
    """The trace context of an event."""
    return "traceparent", traceparent.encode()


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, nested ones as dicts, times left as they are."""
    fields = msgspec.to_builtins(value, builtin_types=(datetime,))
    assert isinstance(fields, dict)  # noqa: S101 - a dataclass becomes a dict
    return {name: fields[name] for name in fields if name not in ENVELOPE}


def envelope_in(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that every record has."""
    return {name: record[name] for name in ENVELOPE}


def built(record: Mapping[str, Any], cls: type[T]) -> T:
    """The value of a type of ours; raises UnreadableRecordError."""
    try:
        return msgspec.convert(record, cls)
    except msgspec.ValidationError as error:
        raise UnreadableRecordError(f"{cls.__name__}: {error}") from error


def traceparent_of(raw: RawRecord) -> str | None:
    """The trace context in a record's headers."""
    headers = raw.headers
    if len(headers) == OWN_HEADERS and headers[-1][0] == LAST_OWN_HEADER:
        return None  # we would have written it behind these: no need to look through them
    for name, value in reversed(headers):
        if name == "traceparent":
            return value.decode("ascii", "replace")
    return None


def key_id_of(raw: RawRecord) -> str | None:
    """The key that an item's personal fields are encrypted with."""
    for name, value in raw.headers:
        if name == KEY_HEADER:
            return value.decode("ascii", "replace")
    return None


def unsealed_item(
    item: RecordedItem, key_id: str | None, keys: PersonalKeys | None
) -> RecordedItem:
    """The item in clear text; one whose key was destroyed is forgotten.

    Raises:
        UnreadableRecordError: it was changed since it was encrypted.
    """
    if key_id is None or keys is None:
        return item
    key = keys.find(key_id)
    if key is None:
        return replace(item, schema=ERASED, fields={})
    try:
        return replace(item, fields=unsealed(item.fields, key, item.event_id))
    except BrokenSealError as error:
        raise UnreadableRecordError(str(error)) from error


def unsealed_place_event(
    recorded: RecordedPlaceEvent, key_id: str | None, keys: PersonalKeys | None
) -> RecordedPlaceEvent:
    """The event with its review in clear text; as ``unsealed_item``."""
    if key_id is None or keys is None or isinstance(recorded.event, PlaceScraped):
        return recorded
    key = keys.find(key_id)
    if key is None:
        return emptied_place_event(recorded)
    try:
        event = unsealed_review_event(recorded.event, key, recorded.event_id)
    except BrokenSealError as error:
        raise UnreadableRecordError(str(error)) from error
    return replace(recorded, event=event)


def with_key(record: NewRecord, key_id: str | None) -> NewRecord:
    """The record with the name of the key that it is encrypted with, if it is."""
    if key_id is None:
        return record
    return replace(record, headers=[*record.headers, (KEY_HEADER, key_id.encode())])


async def nothing() -> None:
    """Without a log there is nothing to catch up with."""
