"""What is made to read quickly reads as fastavro does, or leaves it to fastavro."""

from __future__ import annotations

import io
import random
from datetime import timedelta
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.utils import generate_many

from schemas.catalog import all_schemas
from schemas.quick_reader import EPOCH, Read, quick_reader

START = 5  # behind the magic byte and the schema's id
SEED = 20261122


def written(schema: Any, record: Any) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, schema, record)
    return b"\0" * START + out.getvalue()


def by_fastavro(schema: Any, value: bytes) -> str:
    """The record as text, so that NaN is NaN; empty when the value is none."""
    body = io.BytesIO(value[START:])
    try:
        record = schemaless_reader(body, schema, None)
    except Exception:  # noqa: BLE001 - whatever is wrong
        return ""
    return "" if body.read(1) else repr(record)


def reader_of(schema: Any) -> Read:
    read = quick_reader(schema, START)
    assert read is not None
    return read


def in_blocks_of_bytes() -> bytes:
    """An array in the form that says its length: a count below zero, then the bytes."""
    return b"\0" * START + bytes([0x03, 0x04, 0x02, 0x04, 0x00])


@pytest.mark.parametrize("name", sorted(all_schemas()))
def test_records_of_every_schema_read_as_with_fastavro(name: str) -> None:
    schema = all_schemas()[name].parsed
    read = reader_of(schema)
    for record in generate_many(schema, 30):
        value = written(schema, record)
        assert repr(read(value)) == by_fastavro(schema, value)


@pytest.mark.parametrize("name", ["ProgressReported", "GoogleReview", "ScrapeRequested"])
def test_bytes_that_are_wrong_somewhere_are_never_read_otherwise(name: str) -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    schema = all_schemas()[name].parsed
    read = reader_of(schema)
    refused = 0
    for record in generate_many(schema, 200):
        value = bytearray(written(schema, record))
        for _ in range(rng.randrange(1, 4)):
            value[rng.randrange(START, len(value))] = rng.randrange(256)
        del value[rng.choice([len(value), rng.randrange(START, len(value))]) :]
        try:
            found = repr(read(bytes(value)))
        except Exception:  # noqa: BLE001 - fastavro tells
            refused += 1
        else:
            assert found == by_fastavro(schema, bytes(value))
    assert refused


@pytest.mark.parametrize("at", [0, 1, -1, 2**41, 2**48, 2**49 - 1, -(2**48), 2**55 - 1, 10**15])
def test_times_near_and_far_read_as_with_fastavro(at: int) -> None:
    kinds = [{"type": "long", "logicalType": "timestamp-micros"}, "long", "string"]
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    schema = parse_schema({"type": "record", "name": "R", "fields": fields})
    value = written(schema, {"f0": at, "f1": at, "f2": "behind it"})
    assert repr(reader_of(schema)(value)) == by_fastavro(schema, value)


def test_every_microsecond_is_its_own() -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    kind = {"type": "long", "logicalType": "timestamp-micros"}
    schema = parse_schema({"type": "record", "name": "R", "fields": [{"name": "at", "type": kind}]})
    read = reader_of(schema)
    near = [edge + n for edge in (0, 10**15, 2**51, 2**52) for n in range(-500, 500)]
    for at in [*near, *(rng.randrange(2**52) for _ in range(2_000))]:
        assert read(written(schema, {"at": at}))["at"] == EPOCH + timedelta(microseconds=at)


def test_a_list_in_blocks_with_their_length_is_read() -> None:
    array = {"type": "array", "items": "int"}
    schema = parse_schema(
        {"type": "record", "name": "R", "fields": [{"name": "numbers", "type": array}]}
    )
    assert reader_of(schema)(in_blocks_of_bytes()) == {"numbers": [1, 2]}


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "enum", "name": "E", "symbols": ["A"]},
        {"type": "fixed", "name": "F", "size": 3},
        {"type": "bytes", "logicalType": "decimal", "precision": 4},
        {"type": "array", "items": {"type": "int", "logicalType": "date"}},
        {"type": "string", "logicalType": "uuid"},
        {"type": "long", "logicalType": "timestamp-millis"},
        ["null", "R"],
    ],
)
def test_types_that_are_not_ours_are_left_to_fastavro(kind: Any) -> None:
    schema = parse_schema({"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]})
    assert quick_reader(schema, START) is None


def test_names_in_a_schema_are_never_code() -> None:
    name = "x': 1}; import os; {'"
    schema = {"type": "record", "name": "R", "fields": [{"name": name, "type": "int"}]}
    assert reader_of(schema)(b"\0" * START + b"\x02") == {name: 1}
