"""Rows to the bytes of one insert: Arrow, packed, which costs this process the least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import pyarrow as pa

from streams.projections.projection import Row

FORMAT = "ArrowStream"
PACKED = pa.ipc.IpcWriteOptions(compression="lz4")

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "String": pa.string(),
    "LowCardinality(String)": pa.string(),
    "Bool": pa.bool_(),
    "UInt8": pa.uint8(),
    "UInt32": pa.uint32(),
    "UInt64": pa.uint64(),
    "Int32": pa.int32(),
    "Int64": pa.int64(),
    "Float64": pa.float64(),
    "DateTime64(6, 'UTC')": pa.timestamp("us", "UTC"),
    "Array(String)": pa.list_(pa.string()),
    "Map(String, Float64)": pa.map_(pa.string(), pa.float64()),
}
"""By ClickHouse's name; each of them may also be ``Nullable``."""


def block_of(columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> bytes | None:
    """``rows`` as ClickHouse's format ``FORMAT``; None when a type is not among ours."""
    return packed([batch_of(columns, rows)]) if _schema(tuple(columns)) is not None else None


def batch_of(columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> pa.RecordBatch:
    """``rows`` as columns, whose types must be among ours."""
    schema = _schema(tuple(columns))
    if schema is None:
        raise TypeError(f"not all columns have an Arrow type: {columns}")
    columns_of_values = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [
        pa.array(values, field.type)
        for values, field in zip(columns_of_values, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def packed(batches: Sequence[pa.RecordBatch]) -> bytes:
    """Rows that are columns already, as one block: sent again, they are the same block again."""
    batch = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema, options=PACKED) as writer:
        writer.write_batch(batch)
    return bytes(out.getvalue())


@lru_cache(maxsize=64)
def _schema(columns: tuple[tuple[str, str], ...]) -> pa.Schema | None:
    fields = []
    for name, full_type in columns:
        type_ = full_type.partition(" CODEC(")[0].partition(" DEFAULT ")[0]
        if type_.startswith("Nullable("):
            type_ = type_.removeprefix("Nullable(").removesuffix(")")
        found = ARROW_TYPES.get(type_)
        if found is None:
            return None
        fields.append(pa.field(name, found))
    return pa.schema(fields)
