"""Parquet: typed, zstd, row groups written as they fill. The only file that knows pyarrow."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from streams.exports.columns import Column, Kind, json_cell, time_in
from streams.exports.text import Item

ROWS_A_GROUP = 10_000  # about 10 MB of reviews: few groups to read, little to hold

_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.NUMBERS_BY_NAME: pa.map_(pa.string(), pa.float64()),
    Kind.JSON: pa.string(),
}
_VALUES: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TIME: time_in,
    Kind.NUMBERS_BY_NAME: lambda value: [(name, float(each)) for name, each in value.items()],
    Kind.JSON: json_cell,
}
"""How an item's value becomes one that Arrow takes, where it is not one already."""


class Parquet:
    """A file whose footer has the number of rows; cut anywhere, it is no Parquet file."""

    def __init__(self, columns: Sequence[Column], facts: Mapping[str, str]) -> None:
        """``facts`` stand in the file's key-value metadata."""
        self._columns = columns
        self._schema = pa.schema(
            [
                pa.field(column.name, _TYPES[column.kind], metadata={"doc": column.doc})
                for column in columns
            ],
            metadata=dict(facts),
        )
        self._sink = _Drain()
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def begin(self) -> bytes:
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"), self._schema, compression="zstd"
        )
        return self._sink.drained()

    def add(self, items: Sequence[Item]) -> bytes:
        arrays = [
            pa.array([_value(item, column) for item in items], type=_TYPES[column.kind])
            for column in self._columns
        ]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += len(items)
        if self._rows >= ROWS_A_GROUP:
            self._write_group()
        return self._sink.drained()

    def end(self, rows: int) -> bytes:
        self._write_group()
        assert self._writer is not None  # noqa: S101 - begin was called
        self._writer.add_key_value_metadata({"scrapestream.rows": str(rows)})
        self._writer.close()
        return self._sink.drained()

    def _write_group(self) -> None:
        if self._batches:
            assert self._writer is not None  # noqa: S101 - begin was called
            self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches, self._rows = [], 0


class _Drain(io.RawIOBase):
    """Takes what is written until it is asked for; knows only how far it got."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def drained(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        content = bytes(piece)
        self._pieces.append(content)
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        return self._position


def _value(item: Item, column: Column) -> Any:
    value = item.get(column.name)
    convert = _VALUES.get(column.kind)
    return value if convert is None or value is None else convert(value)
