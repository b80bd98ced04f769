"""Job events as columns: rows of ``job_events`` without an object for each event.

What the columns cannot say (a schema of another version, a field that is a map, bytes that are not
as they should be) is named in ``odd`` and read one by one, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.codec import LONGEST_VALUE_BYTES, PREFIX_BYTES, Codec
from schemas.columns import Cursor, Places, TextError, texts
from streams.adapters.json_columns import has_shape, json_objects
from streams.adapters.record_parts import ENVELOPE, LAST_OWN_HEADER, OWN_HEADERS
from streams.adapters.record_sets import RecordSet
from streams.adapters.record_types import JOB_EVENT_TYPES
from streams.domain.events import JobEvent

PREFIX = np.uint64(2 ** (8 * PREFIX_BYTES) - 1)
LAST_HEADER = (
    bytes([2 * len(LAST_OWN_HEADER)])
    + LAST_OWN_HEADER.encode()
    + bytes([2 * len(b"application/avro")])
    + b"application/avro"
)
TRACE = "traceparent"
TRACE_BYTES = 55  # as W3C says
TRACE_HEADER = bytes([2 * len(TRACE)]) + TRACE.encode() + bytes([2 * TRACE_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Events of one type."""

    name: str
    numbers: Places
    """Which records of the set they are."""
    fields: pa.StructArray
    """As in the schema."""
    rows: pa.RecordBatch
    """Of ``job_events``."""


@dataclass(slots=True, kw_only=True)
class ReadSet:
    """A set of job events, read."""

    columns: list[EventColumns] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)
    """Records that must be read one by one, in order."""


class EventReader:
    """Reads sets of job events. Knows which schemas it can read, once it has looked."""

    def __init__(self, codec: Codec, few: int) -> None:
        """``few``: fewer events of one type than this are odd, as columns take longer then."""
        self._codec = codec
        self._few = few
        self._has_shape: dict[tuple[bytes, pa.DataType], bool] = {}

    def read(self, found: RecordSet, forgotten: frozenset[str] = frozenset()) -> ReadSet:
        """All events of a set; those of ``forgotten`` jobs are odd."""
        result = ReadSet()
        start, end = found.values
        prefixes, is_whole = prefixes_of(found)
        is_odd = ~is_whole | (end - start > LONGEST_VALUE_BYTES)
        for prefix in np.unique(prefixes[~is_odd]):
            numbers = np.flatnonzero((prefixes == prefix) & ~is_odd)
            columns, fits = self._of_schema(found, int(prefix), numbers, forgotten)
            is_odd[numbers[~fits]] = True
            if columns is not None:
                result.columns.append(columns)
        result.odd = np.flatnonzero(is_odd).tolist()
        return result

    def _of_schema(
        self, found: RecordSet, prefix: int, numbers: Places, forgotten: frozenset[str]
    ) -> tuple[EventColumns | None, NDArray[np.bool_]]:
        nothing = None, np.zeros(len(numbers), dtype=bool)
        start = prefix.to_bytes(PREFIX_BYTES, "little")
        reading = self._codec.columns(start)
        if len(numbers) < self._few or reading is None or reading[0] not in JOB_EVENT_TYPES:
            return nothing
        name, read = reading
        at, end = (each[numbers] for each in found.values)
        cursor = Cursor(found.data, at + PREFIX_BYTES, end)
        try:
            array = read(cursor)
            traces, has_known_headers = _traces(found, numbers)
        except TextError:
            return nothing
        key = (start, array.type)
        if key not in self._has_shape:
            self._has_shape[key] = _is_event(array.type, JOB_EVENT_TYPES[name])
        if not self._has_shape[key]:
            return nothing
        fits = cursor.fits & (cursor.at == end) & has_known_headers
        if forgotten:
            jobs = pa.array(list(forgotten), pa.string())
            fits &= ~pc.is_in(array.field("job_id"), jobs).to_numpy(zero_copy_only=False)
        if not fits.any():
            return None, fits
        if not fits.all():
            chosen = pa.array(fits)
            array, traces, numbers = array.filter(chosen), traces.filter(chosen), numbers[fits]
        rows = _rows(name, found, numbers, array, traces)
        return EventColumns(name=name, numbers=numbers, fields=array, rows=rows), fits


def prefixes_of(found: RecordSet) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The first bytes of each value, which name its schema; and whether it has them."""
    start, end = found.values
    prefixes = found.data.words[np.maximum(start, 0)] & PREFIX
    return prefixes, (start >= 0) & (end - start >= PREFIX_BYTES)


def schema_prefixes(found: RecordSet) -> list[bytes]:
    """Each beginning that a value of the set has."""
    prefixes, is_whole = prefixes_of(found)
    return [int(each).to_bytes(PREFIX_BYTES, "little") for each in np.unique(prefixes[is_whole])]


def _is_event(found: pa.DataType, cls: type[JobEvent]) -> bool:
    """Whether the columns are an envelope and the fields of ``cls``, and hold no webhook."""
    kinds: Mapping[str, pa.DataType] = {each.name: each.type for each in found}
    if not kinds.keys() >= ENVELOPE or "webhook" in kinds:
        return False
    return has_shape(found, cls, leave_out=ENVELOPE)


def _rows(
    name: str, found: RecordSet, numbers: Places, array: pa.StructArray, traces: pa.Array
) -> pa.RecordBatch:
    count = len(numbers)
    columns = {
        "job_id": array.field("job_id"),
        "partition": pa.array(np.full(count, found.partition, dtype=np.int32)),
        "offset": pa.array(found.offsets[numbers]),
        "event_id": array.field("event_id"),
        "type": pa.repeat(pa.scalar(name), count),
        "tenant": array.field("tenant"),
        "occurred_at": array.field("occurred_at"),
        "traceparent": traces,
        "payload": json_objects(array, leave_out=ENVELOPE),
    }
    return pa.RecordBatch.from_pydict(columns)


def _traces(found: RecordSet, numbers: Places) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The trace context of each record, or ""; and whether its headers are as we write them."""
    data = found.data
    start, end = (each[numbers] for each in found.tails)
    count = data.words[start] & np.uint64(0xFF)
    is_plain = (count == 2 * OWN_HEADERS) & _ends_with(found, end, LAST_HEADER)
    has_trace = (count == 2 * (OWN_HEADERS + 1)) & _ends_with(
        found, end - TRACE_BYTES, TRACE_HEADER
    )
    length = np.where(has_trace, TRACE_BYTES, 0)
    if not has_trace.any():
        return pa.repeat(pa.scalar(""), len(numbers)), is_plain
    found_texts = texts(data, np.where(has_trace, end - TRACE_BYTES, 0), length)
    is_ascii = pc.string_is_ascii(found_texts).to_numpy(zero_copy_only=False)
    return found_texts, (is_plain | has_trace) & is_ascii


def _ends_with(found: RecordSet, end: Places, text: bytes) -> NDArray[np.bool_]:
    """Whether ``text`` stands right before ``end``."""
    pieces = found.data.pieces(f"V{len(text)}")[np.maximum(end - len(text), 0)]
    wanted = np.frombuffer(text, dtype=np.uint8)
    same: NDArray[np.bool_] = (pieces.view(np.uint8).reshape(-1, len(text)) == wanted).all(axis=1)
    return same & (end >= len(text))
