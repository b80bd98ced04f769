"""Reads many Avro bodies of one schema at once, into Arrow columns.

A value at a time costs microseconds, since each one makes a dozen Python objects. Here each step
(a number, a text, a branch of a union) is done for all values together, in numpy. What does not
fit, and every schema with something else in it, is left to the codec, which takes them one by one
and has the words for what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Places: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Read: TypeAlias = "Callable[[Cursor], pa.Array]"

PADDING = bytes(64)
"""Behind the data, so that eight or twelve bytes may be taken at any place within them."""
INLINE_BYTES = 12  # a text up to here stands in Arrow's view itself
SAME_LENGTH_UP_TO = 64
LATEST_US = 2**55  # a time in the year 3111: later ones are left to the codec
TIME = pa.timestamp("us", "UTC")
HIGH = np.uint64(0x8080808080808080)
LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
ONE, TWO, FOUR = np.uint64(1), np.uint64(2), np.uint64(4)
SIDE_BY_SIDE = tuple(
    (np.uint64(low), np.uint64(high), by)
    for low, high, by in (
        (0x007F007F007F007F, 0x7F007F007F007F00, ONE),
        (0x00003FFF00003FFF, 0x3FFF00003FFF0000, TWO),
        (0x000000000FFFFFFF, 0x0FFFFFFF00000000, FOUR),
    )
)
"""How the seven bits of each of eight bytes come to stand side by side."""


class TextError(ValueError):
    """A text is not UTF-8."""


class Data:
    """Bytes with views that take some of them at many places at once."""

    def __init__(self, data: bytes) -> None:
        self.bytes = data
        self.padded = data + PADDING
        self.words: Words = self.pieces("<u8")
        """The eight bytes from each place on."""

    def pieces(self, kind: str) -> NDArray[Any]:
        """The value of a numpy type that begins at each place."""
        size = np.dtype(kind).itemsize
        count = max(0, len(self.padded) - size + 1)
        return np.ndarray((count,), dtype=kind, buffer=self.padded, strides=(1,))


class Cursor:
    """Where each of many values stands, and whether it was as it should be so far."""

    def __init__(self, data: Data, at: Places, end: Places) -> None:
        self.data = data
        self.at = at
        self.end = end
        self.fits = np.ones(len(at), dtype=bool)

    def __len__(self) -> int:
        return len(self.at)

    def number(self) -> Places:
        """The next number of each value, zigzag undone; up to eight bytes of them."""
        word = self.data.words[self.at]
        if not (word & np.uint64(128)).any():
            word &= np.uint64(127)
            self.skip(1)
        else:
            stops = ~word & HIGH
            first = stops & (~stops + ONE)  # the mark of the number's last byte
            self.fits &= stops != 0
            word &= ((first << ONE) - ONE) & LOW
            for low, high, by in SIDE_BY_SIDE:
                word = (word & low) | ((word & high) >> by)
            self.skip((np.bitwise_count(first - ONE) >> 3).astype(np.int64) + 1)
        number: Places = ((word >> ONE) ^ (np.uint64(0) - (word & ONE))).view(np.int64)
        return number

    def span(self) -> tuple[Places, Places]:
        """Start and length of the next text of each value."""
        length = self.number()
        self.refuse(length < 0)
        start = self.at
        self.skip(length)
        if not self.fits.all():
            length = np.where(self.fits, length, 0)
        return start, length

    def piece(self, kind: str) -> NDArray[Any]:
        """The next value of a numpy type."""
        found: NDArray[Any] = self.data.pieces(kind)[self.at]
        self.skip(np.dtype(kind).itemsize)
        return found

    def part(self, chosen: Places) -> Cursor:
        """A cursor of some of the values; ``join`` brings it back."""
        return Cursor(self.data, self.at[chosen], self.end[chosen])

    def join(self, chosen: Places, part: Cursor) -> None:
        """Go on where ``part`` stands."""
        self.at = self.at.copy()
        self.at[chosen] = part.at
        self.fits[chosen] &= part.fits

    def refuse(self, wrong: NDArray[np.bool_]) -> None:
        """Note values that are not as they should be."""
        if wrong.any():
            self.fits &= ~wrong

    def skip(self, by: Places | int) -> None:
        """Go on behind so many bytes; a value never goes beyond its end."""
        at = self.at + by
        beyond = (at > self.end) | (at < self.at)
        if beyond.any():
            self.fits &= ~beyond
            at = np.where(beyond, self.end, at)
        self.at = at


def texts(data: Data, start: Places, length: Places) -> pa.Array:
    """Texts of ``data``; raises TextError when one of them is not UTF-8."""
    count = len(start)
    longest = int(length.max()) if count else 0
    if 0 < longest <= SAME_LENGTH_UP_TO and (length == longest).all():
        found = data.pieces(f"V{longest}")[start]
        ends = np.arange(0, (count + 1) * longest, longest, dtype=np.int32)
        array = pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(found))
    else:
        array = _views(data, start, length).cast(pa.string())
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise TextError(str(error)) from error
    return array


def _views(data: Data, start: Places, length: Places) -> pa.Array:
    """Arrow's string views: a short text itself, or where a long one stands in the data."""
    views = np.empty((len(start), 4), dtype="<i4")
    head = data.pieces(f"V{INLINE_BYTES}")[start].view(np.uint8).reshape(-1, INLINE_BYTES)
    head = np.where(np.arange(INLINE_BYTES) < length[:, None], head, 0).astype(np.uint8)
    views[:, 0] = length
    views[:, 1:] = head.view("<i4")
    is_long = length > INLINE_BYTES
    views[is_long, 2] = 0
    views[is_long, 3] = start[is_long]
    buffers = [None, pa.py_buffer(views), pa.py_buffer(data.padded)]
    return pa.Array.from_buffers(pa.string_view(), len(start), buffers)


def column_reader(schema: Any) -> Read | None:
    """What reads values of ``schema`` into one struct array; None: not this schema."""
    read = _reader(schema, depth=0)
    if read is None or not isinstance(schema, Mapping) or schema.get("type") != "record":
        return None
    return read


def _reader(schema: Any, depth: int) -> Read | None:
    kind = schema["type"] if isinstance(schema, Mapping) else schema
    logical = schema.get("logicalType") if isinstance(schema, Mapping) else None
    if depth > 3:
        return None
    match kind, logical:
        case "string", None:
            return lambda cursor: texts(cursor.data, *cursor.span())
        case "int" | "long", None:
            return lambda cursor: pa.array(cursor.number())
        case "long", "timestamp-micros":
            return _time
        case "boolean", None:
            return lambda cursor: pa.array(cursor.piece("u1") != 0)
        case "double", None:
            return lambda cursor: pa.array(cursor.piece("<f8"))
        case "record", None:
            return _record(schema, depth)
        case [one, other], None if "null" in (one, other):
            return _optional(kind, depth)
    return None


def _time(cursor: Cursor) -> pa.Array:
    number = cursor.number()
    cursor.refuse((number < 0) | (number >= LATEST_US))
    if not cursor.fits.all():
        number = np.where(cursor.fits, number, 0)
    return pa.array(number).cast(TIME)


def _record(schema: Mapping[str, Any], depth: int) -> Read | None:
    fields = [(field["name"], _reader(field["type"], depth + 1)) for field in schema["fields"]]
    reads = [(name, read) for name, read in fields if read is not None]
    if len(reads) != len(fields) or not reads:
        return None

    def read_record(cursor: Cursor) -> pa.Array:
        arrays = [read(cursor) for _, read in reads]
        return pa.StructArray.from_arrays(arrays, names=[name for name, _ in reads])

    return read_record


def _optional(branches: list[Any], depth: int) -> Read | None:
    null = branches.index("null")
    read = _reader(branches[1 - null], depth)
    if read is None or branches[1 - null] == "null":
        return None
    nothing = Cursor(Data(b""), *(np.zeros(0, dtype=np.int64),) * 2)
    kind = read(nothing).type

    def read_optional(cursor: Cursor) -> pa.Array:
        branch = cursor.number()
        cursor.refuse((branch != 0) & (branch != 1))
        chosen = np.flatnonzero((branch == 1 - null) & cursor.fits)
        if not len(chosen):
            return pa.nulls(len(cursor), kind)
        part = cursor.part(chosen)
        found = read(part)
        cursor.join(chosen, part)
        places = np.full(len(cursor), -1)
        places[chosen] = np.arange(len(chosen))
        return found.take(pa.array(places, mask=places < 0))

    return read_optional
