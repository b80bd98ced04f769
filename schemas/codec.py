"""Records to bytes and back: Avro in the Confluent wire format.

A value is 0x00, the schema's id as four bytes big-endian, then the Avro body.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.catalog import Schema, all_schemas, subject
from schemas.errors import UnknownSchemaError, UnreadableValueError
from schemas.registry import Registry

MAGIC = 0
HEADER = struct.Struct(">bI")
LONGEST_VALUE_BYTES = 8 * 1024 * 1024  # a hostile length must not make us allocate without end


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record that was read."""

    name: str
    """Short name of its schema."""
    record: Mapping[str, Any]


class Codec:
    """Encodes with our newest schemas, decodes with whatever the writer used.

    ``open_codec`` makes one; ``learn`` before ``decode`` fetches schemas not seen before.
    """

    def __init__(self, registry: Registry, ids: Mapping[tuple[str, str], int]) -> None:
        self._registry = registry
        self._prefixes = {key: HEADER.pack(MAGIC, number) for key, number in ids.items()}
        self._writers: dict[int, Any] = {
            number: all_schemas()[name].parsed for (_, name), number in ids.items()
        }

    def encode(self, topic: str, name: str, record: Mapping[str, Any]) -> bytes:
        """The value of ``record`` for ``topic``.

        Raises:
            KeyError: the schema does not belong to the topic: a bug.
            ValueError: the record does not fit the schema; says which field.
        """
        out = io.BytesIO()
        out.write(self._prefixes[topic, name])
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
        wanted = {id_in(value) for value in values if value and len(value) > HEADER.size}
        for schema_id in wanted - self._writers.keys() - {None}:
            assert schema_id is not None  # noqa: S101 - for the type checker
            try:
                text = await self._registry.text_of(schema_id)
            except UnknownSchemaError:
                continue
            self._writers[schema_id] = parse_schema(json.loads(text))

    def decode(self, value: bytes | None) -> Decoded:
        """Read one value.

        Raises:
            UnreadableValueError: it can never be read; says why.
        """
        schema_id = id_in(value) if value else None
        if value is None or schema_id is None:
            raise UnreadableValueError("not in the Confluent wire format")
        if len(value) > LONGEST_VALUE_BYTES:
            raise UnreadableValueError(f"longer than {LONGEST_VALUE_BYTES} bytes")
        writer = self._writers.get(schema_id)
        if writer is None:
            raise UnreadableValueError(f"written with schema {schema_id}, which nobody knows")
        name = str(writer["name"]).rpartition(".")[2]
        reader = all_schemas().get(name)
        body = io.BytesIO(value)
        body.seek(HEADER.size)
        try:
            record = schemaless_reader(body, writer, reader.parsed if reader else None)
        except Exception as error:
            raise UnreadableValueError(f"{name}: {type(error).__name__}: {error}") from error
        if not isinstance(record, dict):
            raise UnreadableValueError(f"{name}: not a record")
        if body.read(1):
            raise UnreadableValueError(f"{name}: bytes left over")
        return Decoded(name, record)


def id_in(value: bytes) -> int | None:
    """The schema id in front of ``value``; None when it has none."""
    if len(value) < HEADER.size:
        return None
    magic, schema_id = HEADER.unpack_from(value)
    return int(schema_id) if magic == MAGIC else None


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
