"""What is read column by column is what fastavro reads; what does not fit is never read wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from fastavro import parse_schema
from fastavro.utils import generate_many

from schemas.catalog import all_schemas
from schemas.columns import Cursor, Data, TextError, column_reader
from tests.schemas.test_quick_reader import START, by_fastavro, written

SEED = 20261123
READABLE = sorted(
    name for name, schema in all_schemas().items() if column_reader(schema.parsed) is not None
)


def read(schema: Any, values: Sequence[bytes]) -> list[Mapping[str, Any] | None]:
    """The records; None for one that does not fit."""
    reader = column_reader(schema)
    assert reader is not None
    ends = np.cumsum([len(value) for value in values])
    starts = np.concatenate([[0], ends[:-1]]) + START
    cursor = Cursor(Data(b"".join(values)), starts, ends)
    array = reader(cursor)
    fits = cursor.fits & (cursor.at == ends)
    return [record if fit else None for record, fit in zip(array.to_pylist(), fits, strict=True)]


def as_ours(record: Any) -> Any:
    """With the zone of times that we use."""
    if isinstance(record, dict):
        return {name: as_ours(value) for name, value in record.items()}
    return record.astimezone(UTC) if isinstance(record, datetime) else record


def tamed(record: Any) -> Any:
    """With numbers of at most seven bytes: longer ones are left to the codec."""
    if isinstance(record, dict):
        return {name: tamed(value) for name, value in record.items()}
    return record % 2**48 if type(record) is int and abs(record) >= 2**31 else record


@pytest.mark.parametrize("name", READABLE)
def test_records_of_every_readable_schema_read_as_with_fastavro(name: str) -> None:
    schema = all_schemas()[name].parsed
    values = [written(schema, tamed(record)) for record in generate_many(schema, 60)]
    for value, record in zip(values, read(schema, values), strict=True):
        assert repr(as_ours(record)) == by_fastavro(schema, value)


def test_numbers_that_are_too_long_are_left_to_the_codec_and_others_are_read() -> None:
    schema = all_schemas()["ProgressReported"].parsed
    values = [written(schema, record) for record in generate_many(schema, 300)]
    found = read(schema, values)
    assert None in found
    for value, record in zip(values, found, strict=True):
        assert record is None or repr(as_ours(record)) == by_fastavro(schema, value)


def test_most_job_events_are_readable_and_those_with_maps_are_not() -> None:
    assert {"ProgressReported", "AttemptStarted", "AttemptScheduled", "AttemptSucceeded"} <= set(
        READABLE
    )
    assert not {"ScrapeRequested", "TargetDescribed", "ExtractionReported"} & set(READABLE)


@pytest.mark.parametrize("name", ["ProgressReported", "AttemptFailed"])
def test_bytes_that_are_wrong_somewhere_are_refused_or_read_as_by_fastavro(name: str) -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    schema = all_schemas()[name].parsed
    refused = 0
    for record in generate_many(schema, 300):
        right = written(schema, record)
        wrong = bytearray(right)
        for _ in range(rng.randrange(1, 4)):
            wrong[rng.randrange(START, len(wrong))] = rng.randrange(256)
        del wrong[rng.choice([len(wrong), rng.randrange(START, len(wrong))]) :]
        try:
            # Between right ones: what is wrong with one must not reach into the next.
            before, found, behind = read(schema, [right, bytes(wrong), right])
        except TextError:
            refused += 1
            continue
        assert before == behind
        if found is None:
            refused += 1
        else:
            assert repr(as_ours(found)) == by_fastavro(schema, bytes(wrong))
    assert refused


@pytest.mark.parametrize("at", [0, 1, 2**41, 2**48, 2**49 - 1, 2**55 - 1, 10**15])
def test_times_and_numbers_of_any_length_read_as_with_fastavro(at: int) -> None:
    kinds = [{"type": "long", "logicalType": "timestamp-micros"}, "long", "long", "string"]
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    schema = parse_schema({"type": "record", "name": "R", "fields": fields})
    value = written(schema, {"f0": at, "f1": at, "f2": -at, "f3": "behind it"})
    [record] = read(schema, [value])
    assert repr(as_ours(record)) == by_fastavro(schema, value)


@pytest.mark.parametrize("at", [-1, 2**55, 2**62])
def test_times_of_other_ages_are_left_to_the_codec(at: int) -> None:
    kind = {"type": "long", "logicalType": "timestamp-micros"}
    schema = parse_schema({"type": "record", "name": "R", "fields": [{"name": "at", "type": kind}]})
    assert read(schema, [written(schema, {"at": at})]) == [None]


def test_texts_of_all_lengths_read_as_they_are() -> None:
    schema = parse_schema(
        {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    )
    texts = ["", "ä", "twelve bytes", "thirteen byte", "€" * 5, "x" * 200, 'a "quoted"\n\x00 one']
    values = [written(schema, {"text": text}) for text in texts]
    assert [record and record["text"] for record in read(schema, values)] == texts


def test_a_text_that_is_not_utf_8_is_refused() -> None:
    schema = parse_schema(
        {"type": "record", "name": "R", "fields": [{"name": "text", "type": "bytes"}]}
    )
    value = written(schema, {"text": b"\xff\xfe"})
    as_text = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    with pytest.raises(TextError):
        read(parse_schema(as_text), [value])


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "map", "values": "string"},
        {"type": "array", "items": "int"},
        "float",
        "bytes",
        ["null", "string", "int"],
        {"type": "long", "logicalType": "timestamp-millis"},
        {"type": "enum", "name": "E", "symbols": ["A"]},
    ],
)
def test_schemas_with_anything_else_are_left_to_the_codec(kind: Any) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]}
    assert column_reader(parse_schema(schema)) is None
