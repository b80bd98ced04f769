"""The columns of an item's table: names and types, from its Avro schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from schemas.catalog import all_schemas

ENVELOPE = frozenset({"event_id", "job_id", "tenant", "occurred_at"})
"""Fields of the record that are not the item's own."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TIME = "time"
    TEXTS = "texts"
    """A list of texts."""
    NUMBERS_BY_NAME = "numbers by name"
    JSON = "json"
    """Anything else, as JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field of an item."""

    name: str
    kind: Kind
    doc: str


@cache
def columns_of(schema_name: str) -> Sequence[Column]:
    """The item's own fields, in the order of the schema.

    Raises:
        KeyError: there is no such schema.
    """
    fields = json.loads(all_schemas()[schema_name].text)["fields"]
    return tuple(
        Column(name=field["name"], kind=_kind(field["type"]), doc=field.get("doc", ""))
        for field in fields
        if field["name"] not in ENVELOPE
    )


def time_in(value: object) -> datetime | None:
    """The time that an item's JSON has as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def json_cell(value: object) -> str:
    """A list or object as JSON text."""
    return json.dumps(value, ensure_ascii=False)


def _kind(avro: Any) -> Kind:
    if isinstance(avro, list):
        others = [each for each in avro if each != "null"]
        return _kind(others[0]) if len(others) == 1 else Kind.JSON
    match avro:
        case "string":
            return Kind.TEXT
        case "boolean":
            return Kind.BOOLEAN
        case "int" | "long":
            return Kind.INTEGER
        case "float" | "double":
            return Kind.NUMBER
        case {"logicalType": "timestamp-micros" | "timestamp-millis"}:
            return Kind.TIME
        case {"type": "array", "items": "string"}:
            return Kind.TEXTS
        case {"type": "map", "values": "double" | "float" | "long" | "int"}:
            return Kind.NUMBERS_BY_NAME
        case _:
            return Kind.JSON
