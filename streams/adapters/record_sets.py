"""What a fetch brings of one partition, as it came: records are found in it, but not taken apart.

A record that becomes objects one by one costs several microseconds, its headers most of them. Here
only its length is read in Python; all else is read for all records together.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pyarrow as pa
from aiokafka.record.util import calc_crc32c
from numpy.typing import NDArray

from schemas.columns import Cursor, Data, Places
from streams.errors import LogUnavailableError
from streams.ports import Headers, RawRecord, TopicPartition

BATCH = struct.Struct(">qiibIhiqqqhii")
"""Kafka's head of a batch: first offset, length, epoch, magic, checksum, attributes and so on."""
LENGTH_COUNTED_FROM = 12  # the bytes before it are not in the length
CHECKED_FROM = 21  # what the checksum is of
MAGIC = 2
CODEC_BITS, CONTROL_BIT = 7, 32
PACKED_BY: Mapping[int, str] = {1: "gzip", 3: "lz4", 4: "zstd"}
FEW = 64
"""With fewer records than this, numpy takes longer than Python."""
MORE = 128  # a byte of a number from here on has others behind it


class RecordSet:
    """Records of one partition, in order."""

    def __init__(self, partition: TopicPartition, raw: bytes, first: int) -> None:
        """``first``: records before this offset are left out; ``raw`` may begin with some.

        Raises:
            LogUnavailableError: the bytes are not as the broker wrote them.
        """
        self.topic, self.partition = partition
        self._pieces: list[bytes] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._bases: list[tuple[int, int]] = []  # offset that those of a batch count from; how many
        self._size = 0
        self.end = first
        """The offset to go on at."""
        at = 0
        while len(raw) - at >= BATCH.size:
            size = LENGTH_COUNTED_FROM + struct.unpack_from(">i", raw, at + 8)[0]
            if len(raw) - at < size:
                break  # brokers may cut the last one
            self._take(memoryview(raw)[at : at + size])
            at += size
        self._data = Data(b"".join(self._pieces))
        self._first = first

    def _take(self, batch: memoryview) -> None:
        head = BATCH.unpack_from(batch)
        base, magic, checksum, attributes, last, count = (head[n] for n in (0, 3, 4, 5, 6, 12))
        where = f"{self.topic}/{self.partition}/{base}"
        if magic != MAGIC:
            raise LogUnavailableError(f"{where}: written in the format of a Kafka before 0.11")
        if calc_crc32c(bytes(batch[CHECKED_FROM:])) != checksum:
            raise LogUnavailableError(f"{where}: the broker's bytes do not fit their checksum")
        self.end = max(self.end, base + last + 1)
        if attributes & CONTROL_BIT:
            return
        records = bytes(batch[BATCH.size :])
        if packed := attributes & CODEC_BITS:
            if packed not in PACKED_BY:
                raise LogUnavailableError(f"{where}: packed in a way (snappy) that we cannot read")
            unpacked = pa.CompressedInputStream(pa.BufferReader(records), PACKED_BY[packed])
            records = unpacked.read()
        self._bases.append((base, count))
        _find(records, count, self._size, self._starts, self._ends)
        self._pieces.append(records)
        self._size += len(records)

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def data(self) -> Data:
        """Where the values stand."""
        return self._data

    @property
    def first(self) -> int:
        """The offset of the first record; there must be one."""
        return int(self.offsets[0])

    @property
    def offsets(self) -> Places:
        """The offset of each record."""
        return self._places[0]

    @property
    def values(self) -> tuple[Places, Places]:
        """Where the value of each record begins and ends in ``data``; -1: it has none."""
        return self._places[3], self._places[4]

    @property
    def tails(self) -> tuple[Places, Places]:
        """Where the headers of each record begin, with their number, and where they end."""
        return self._places[5], self._places[6]

    def only(self, chosen: NDArray[np.bool_]) -> None:
        """Leave out the others."""
        self._places = tuple(each[chosen] for each in self._places)

    @cached_property
    def _places(self) -> tuple[Places, ...]:
        """Offset, start and end of key and value, start and end of the headers of each record."""
        bases = np.repeat([base for base, _ in self._bases], [count for _, count in self._bases])
        if len(self._starts) < FEW:
            found = [_places_in(self._data.bytes, start) for start in self._starts]
            columns = np.array(found, dtype=np.int64).reshape(-1, 6).T
            places = (bases + columns[0], *columns[1:], np.array(self._ends, dtype=np.int64))
        else:
            places = self._places_of_many(bases.astype(np.int64))
        if any(int(each.max(initial=0)) > len(self._data.bytes) for each in places[1:]):
            raise LogUnavailableError(f"{self.topic}/{self.partition}: not Kafka's records")
        wanted = places[0] >= self._first
        return places if wanted.all() else tuple(each[wanted] for each in places)

    def _places_of_many(self, bases: Places) -> tuple[Places, ...]:
        starts = np.array(self._starts, dtype=np.int64)
        ends = np.array(self._ends, dtype=np.int64)
        cursor = Cursor(self._data, starts + 1, ends)  # behind attributes that nobody uses
        cursor.number()  # the time, after the batch's
        offsets = bases + cursor.number()
        key_start, key_end = _bytes_span(cursor)
        value_start, value_end = _bytes_span(cursor)
        if not cursor.fits.all():
            raise LogUnavailableError(f"{self.topic}/{self.partition}: not Kafka's records")
        return offsets, key_start, key_end, value_start, value_end, cursor.at, ends

    def record(self, number: int) -> RawRecord:
        """One of the records, taken apart."""
        offset, key, key_end, value, value_end, headers, _ = (
            int(each[number]) for each in self._places
        )
        data = self._data.bytes
        return RawRecord(
            self.topic,
            self.partition,
            offset,
            None if key < 0 else data[key:key_end],
            None if value < 0 else data[value:value_end],
            _headers(data, headers),
        )

    def records(self) -> list[RawRecord]:
        """All of them, taken apart."""
        return [self.record(number) for number in range(len(self))]


def _bytes_span(cursor: Cursor) -> tuple[Places, Places]:
    """Start and end of bytes that may be missing: both are -1 then."""
    length = cursor.number()
    start = cursor.at
    cursor.skip(np.maximum(length, 0))
    is_there = length >= 0
    if is_there.all():
        return start, cursor.at
    return np.where(is_there, start, -1), np.where(is_there, cursor.at, -1)


def _find(records: bytes, count: int, shift: int, starts: list[int], ends: list[int]) -> None:
    """Add where each record begins, behind its length, and where it ends."""
    at = 0
    for _ in range(count):
        length = records[at]
        at += 1
        if length >= MORE:
            following = records[at]
            at += 1
            length = length & 127 | following << 7
            if following >= MORE:
                length, at = _number(records, at - 2)
        starts.append(at + shift)
        at += length >> 1
        ends.append(at + shift)


def _places_in(data: bytes, at: int) -> tuple[int, int, int, int, int, int]:
    """As ``_places``, without the record's end; its offset is that after the batch's."""
    _, at = _number(data, at + 1)  # the time, behind attributes that nobody uses
    offset, at = _number(data, at)
    found = [offset >> 1]
    for _ in range(2):
        length, at = _number(data, at)
        if length & 1:
            found += [-1, -1]
        else:
            found += [at, at + (length >> 1)]
            at += length >> 1
    offset, key, key_end, value, value_end = found
    return offset, key, key_end, value, value_end, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of any length, zigzag as it is, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < MORE:
            return number, at
        shift += 7


def _headers(data: bytes, at: int) -> Headers:
    count, at = _number(data, at)
    headers: list[tuple[str, bytes]] = []
    for _ in range(count >> 1):
        length, at = _number(data, at)
        name_end = at + (length >> 1)
        name = data[at:name_end].decode("utf-8", "replace")
        length, at = _number(data, name_end)
        value_end = at if length & 1 else at + (length >> 1)
        headers.append((name, data[at:value_end]))
        at = value_end
    return headers
