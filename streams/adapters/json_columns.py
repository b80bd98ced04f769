"""Arrow columns as JSON texts: what ``msgspec.json.encode`` makes of each value."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import TIME

NULL = pa.scalar("null")
PLAIN = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    float: pa.float64(),
    datetime: TIME,
}
"""Types whose values are the same in a record, an object of ours and a column."""


def json_texts(array: pa.Array) -> pa.Array:
    """The JSON of each value."""
    if pa.types.is_struct(array.type):
        found = json_objects(array)
        if array.null_count:
            found = pc.if_else(array.is_valid(), found, NULL)
        return found
    if pa.types.is_int64(array.type):
        found = array.cast(pa.string())
    else:
        # Each value that occurs goes through msgspec itself.
        packed = array.dictionary_encode()
        values = packed.dictionary.to_pylist()
        texts = pa.array([msgspec.json.encode(value).decode() for value in values], pa.string())
        found = texts.take(packed.indices)
    return found.fill_null(NULL) if found.null_count else found


def json_objects(array: pa.Array, leave_out: frozenset[str] = frozenset()) -> pa.Array:
    """The JSON object of each struct, without some of its fields."""
    parts: list[Any] = []
    for number, field in enumerate(array.type):
        if field.name not in leave_out:
            key = msgspec.json.encode(field.name).decode()
            parts += [f"{',' if parts else '{'}{key}:", json_texts(array.field(number))]
    if not parts:
        return pa.array(["{}"] * len(array), pa.string())
    return pc.binary_join_element_wise(*parts, "}", "")


def has_shape(found: pa.DataType, cls: Any, leave_out: frozenset[str] = frozenset()) -> bool:
    """Whether a column's values are those of a type of ours, their fields in the same order.

    Only then its JSON is that of the objects that would be made of them.
    """
    if get_origin(cls) in (Union, UnionType):
        left = [each for each in get_args(cls) if each is not NoneType]
        return len(left) == 1 and has_shape(found, left[0])
    if not is_dataclass(cls):
        return cls in PLAIN and PLAIN[cls] == found
    if not pa.types.is_struct(found):
        return False
    hints = get_type_hints(cls)
    columns = [field for field in found if field.name not in leave_out]
    return [field.name for field in columns] == [field.name for field in fields(cls)] and all(
        has_shape(field.type, hints[field.name]) for field in columns
    )
