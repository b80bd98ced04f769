"""Records to bytes and back: Avro in the Confluent wire format.

A value is 0x00, the schema's id as four bytes big-endian, then the Avro body.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.catalog import Schema, all_schemas, subject
from schemas.columns import Read as ReadMany
from schemas.columns import column_reader
from schemas.errors import UnknownSchemaError, UnreadableValueError
from schemas.piece_writer import OFTEN, Write, piece_writer
from schemas.quick_reader import Read, quick_reader
from schemas.registry import Registry

MAGIC = 0
HEADER = struct.Struct(">bI")
PREFIX_BYTES = HEADER.size
LONGEST_VALUE_BYTES = 8 * 1024 * 1024  # a hostile length must not make us allocate without end


class Decoded(NamedTuple):
    """A record that was read. A tuple, as there are very many of them."""

    name: str
    """Short name of its schema."""
    record: Mapping[str, Any]


@dataclass(slots=True)
class _Reading:
    """How to read what was written with one schema."""

    name: str
    """Its short name."""
    writer: Any
    reader: Any
    """Our schema of that name; None when it is the writer's, or there is none."""
    quick: Read | None = None
    """Reads most values in half the time; None before the first one, and for odd schemas."""
    is_first: bool = True
    many: ReadMany | None = None
    """Reads many values at once into columns; None for a schema that is not ours as it is now."""


class Codec:
    """Encodes with our newest schemas, decodes with whatever the writer used.

    ``open_codec`` makes one; ``learn`` before ``decode`` fetches schemas not seen before.
    """

    def __init__(self, registry: Registry, ids: Mapping[tuple[str, str], int]) -> None:
        self._registry = registry
        self._prefixes = {key: HEADER.pack(MAGIC, number) for key, number in ids.items()}
        self._readings = {
            prefix: _reading(all_schemas()[name].parsed)
            for (_, name), prefix in self._prefixes.items()
        }
        """How to read a value that begins with these bytes."""
        self._writers: dict[tuple[str, str], Write] = {}
        """What writes the schemas of which there are many records alike; made when first asked."""

    def encode(self, topic: str, name: str, record: Mapping[str, Any]) -> bytes:
        """The value of ``record`` for ``topic``.

        Raises:
            KeyError: the schema does not belong to the topic: a bug.
            ValueError: the record does not fit the schema; says which field.
        """
        prefix = self._prefixes[topic, name]
        if name in OFTEN:
            write = self._writers.get((topic, name))
            if write is None:
                write = piece_writer(all_schemas()[name].parsed, prefix, OFTEN[name])
                self._writers[topic, name] = write
            try:
                return write(record)
            except Exception:  # noqa: BLE001, S110 - fastavro says what is wrong with it
                pass
        out = io.BytesIO()
        out.write(prefix)
        try:
            schemaless_writer(
                out, all_schemas()[name].parsed, dict(record), strict_allow_default=True
            )
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{name}: {error}") from error
        return out.getvalue()

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas of ``values`` that are not known yet.

        An id that the registry does not have is left out: ``decode`` then refuses its values.

        Raises:
            RegistryError: the registry is away; call again.
        """
        prefixes = {value[:PREFIX_BYTES] for value in values if value}
        for prefix in prefixes - self._readings.keys():
            schema_id = id_in(prefix)
            if schema_id is None:
                continue
            try:
                text = await self._registry.text_of(schema_id)
            except UnknownSchemaError:
                continue
            self._readings[prefix] = _reading(parse_schema(json.loads(text)))

    def columns(self, prefix: bytes) -> tuple[str, ReadMany] | None:
        """What reads all values with this prefix at once, with the name of their schema.

        None: they must be read one by one.
        """
        reading = self._readings.get(prefix)
        if reading is None or reading.many is None:
            return None
        return reading.name, reading.many

    def decode(self, value: bytes | None) -> Decoded:
        """Read one value.

        Raises:
            UnreadableValueError: it can never be read; says why.
        """
        prefix = value[:PREFIX_BYTES] if value else b""
        reading = self._readings.get(prefix)
        if value is None or reading is None:
            raise UnreadableValueError(_why_unknown(value))
        if len(value) > LONGEST_VALUE_BYTES:
            raise UnreadableValueError(f"longer than {LONGEST_VALUE_BYTES} bytes")
        name = reading.name
        if reading.quick is not None:
            try:
                return Decoded(name, reading.quick(value))
            except Exception:  # noqa: BLE001, S110 - fastavro says what is wrong with it
                pass
        body = io.BytesIO(value)
        body.seek(HEADER.size)
        try:
            record = schemaless_reader(body, reading.writer, reading.reader)
        except Exception as error:
            raise UnreadableValueError(f"{name}: {type(error).__name__}: {error}") from error
        if not isinstance(record, dict):
            raise UnreadableValueError(f"{name}: not a record")
        if body.read(1):
            raise UnreadableValueError(f"{name}: bytes left over")
        if reading.is_first:
            reading.is_first = False
            if reading.reader is None:
                reading.quick = quick_reader(reading.writer, PREFIX_BYTES)
        return Decoded(name, record)


def id_in(value: bytes) -> int | None:
    """The schema id in front of ``value``; None when it has none."""
    if len(value) < HEADER.size:
        return None
    magic, schema_id = HEADER.unpack_from(value)
    return int(schema_id) if magic == MAGIC else None


def _reading(writer: Any) -> _Reading:
    name = str(writer["name"]).rpartition(".")[2]
    ours = all_schemas().get(name)
    reader = None if ours is None or ours.parsed == writer else ours.parsed
    many = column_reader(writer) if reader is None and ours is not None else None
    return _Reading(name, writer, reader, many=many)


def _why_unknown(value: bytes | None) -> str:
    schema_id = id_in(value) if value else None
    if schema_id is None:
        return "not in the Confluent wire format"
    return f"written with schema {schema_id}, which nobody knows"


async def open_codec(registry: Registry, topics: Mapping[str, Iterable[Schema]]) -> Codec:
    """A codec for ``topics``, whose schemas must be registered.

    Raises:
        UnknownSchemaError: a schema is not; ``scrapestream topics`` registers it.
        RegistryError: the registry is away; call again.
    """
    ids = {
        (topic, schema.name): await registry.id_of(subject(topic, schema), schema.text)
        for topic, schemas in topics.items()
        for schema in schemas
    }
    return Codec(registry, ids)


async def register_schemas(
    registry: Registry, topics: Mapping[str, Iterable[Schema]]
) -> dict[str, int]:
    """Register every schema of ``topics``; safe to repeat. Returns the id of each subject.

    Raises:
        RegistryError: away, or a schema is incompatible with an earlier version of itself.
    """
    return {
        subject(topic, schema): await registry.register(subject(topic, schema), schema.text)
        for topic, schemas in topics.items()
        for schema in schemas
    }
