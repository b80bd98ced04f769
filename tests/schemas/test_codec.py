"""Records to bytes and back, and what happens to bytes that are no records."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import Codec, id_in, open_codec, register_schemas
from schemas.errors import UnknownSchemaError, UnreadableValueError
from schemas.registry import MemoryRegistry
from streams.topics import JOB_EVENTS, all_topics, topic_schemas
from tests.support.given import START

CANCEL: Mapping[str, Any] = {
    "event_id": "e",
    "job_id": "j",
    "tenant": "public",
    "occurred_at": START,
    "reason": "no",
}


async def codec_of(registry: MemoryRegistry) -> Codec:
    await register_schemas(registry, topic_schemas())
    return await open_codec(registry, topic_schemas())


async def test_a_record_comes_back_as_it_was() -> None:
    codec = await codec_of(MemoryRegistry())
    value = codec.encode(JOB_EVENTS, "CancelRequested", CANCEL)
    decoded = codec.decode(value)
    assert (decoded.name, decoded.record) == ("CancelRequested", CANCEL)


async def test_the_wire_format_is_confluents() -> None:
    registry = MemoryRegistry()
    codec = await codec_of(registry)
    value = codec.encode(JOB_EVENTS, "CancelRequested", CANCEL)
    magic, schema_id = struct.unpack(">bI", value[:5])
    assert magic == 0
    assert json.loads(await registry.text_of(schema_id))["name"] == "CancelRequested"


async def test_a_record_that_does_not_fit_is_refused_with_its_field() -> None:
    codec = await codec_of(MemoryRegistry())
    with pytest.raises(ValueError, match="CancelRequested"):
        codec.encode(JOB_EVENTS, "CancelRequested", {**CANCEL, "reason": 5})


async def test_a_writers_newer_schema_is_fetched_and_resolved() -> None:
    registry = MemoryRegistry()
    codec = await codec_of(registry)
    newer = json.loads(await registry.text_of(id_of(codec)))
    newer["fields"].append({"name": "by", "type": "string", "default": ""})
    newer_id = await registry.register("x", json.dumps(newer))
    body = codec.encode(JOB_EVENTS, "CancelRequested", CANCEL)[5:] + b"\x04me"
    value = struct.pack(">bI", 0, newer_id) + body
    await codec.learn([value])
    assert codec.decode(value).record == CANCEL


@given(st.binary(max_size=60))
async def test_any_bytes_are_read_or_refused_never_worse(junk: bytes) -> None:
    codec = await codec_of(MemoryRegistry())
    await codec.learn([junk])
    for value in (junk, struct.pack(">bI", 0, 1) + junk):
        with suppress(UnreadableValueError):
            codec.decode(value)


async def test_bytes_left_over_are_refused() -> None:
    codec = await codec_of(MemoryRegistry())
    value = codec.encode(JOB_EVENTS, "CancelRequested", CANCEL)
    with pytest.raises(UnreadableValueError, match="left over"):
        codec.decode(value + b"x")


async def test_an_unregistered_schema_stops_the_start() -> None:
    with pytest.raises(UnknownSchemaError):
        await open_codec(MemoryRegistry(), topic_schemas())


def test_topics_are_named_once_and_keyed() -> None:
    names = [topic.name for topic in all_topics()]
    assert len(names) == len(set(names))
    assert all(topic.key and topic.doc for topic in all_topics())


def id_of(codec: Codec) -> int:
    found = id_in(codec.encode(JOB_EVENTS, "CancelRequested", CANCEL))
    assert found is not None
    return found
