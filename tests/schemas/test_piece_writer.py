"""What is encoded piece by piece has fastavro's bytes, or is left to fastavro."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from fastavro import schemaless_writer
from fastavro.utils import generate_many
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalog import all_schemas
from schemas.piece_writer import MOST_KEPT, OFTEN, SHORT, Write, length_bytes, piece_writer

PREFIX = b"\x00\x00\x00\x00\x07"
REQUEST: Mapping[str, Any] = {
    "event_id": "e",
    "job_id": "j",
    "tenant": "public",
    "occurred_at": datetime(2026, 11, 23, tzinfo=UTC),
    "kind": "google_reviews",
    "url": "https://www.google.com/maps/place/Cafe+Central",
    "options": {},
    "webhook": None,
    "priority": "normal",
    "max_attempts": 3,
    "attempt_timeout_s": 3600.0,
    "metadata": {},
    "request_fingerprint": "",
    "not_before": None,
    "expires_at": None,
    "batch_id": "",
    "retry_of": "",
    "cloned_from": "",
    "monitor_id": "",
}
MOMENTS = st.datetimes(timezones=st.just(UTC))
TEXTS = st.dictionaries(st.text(), st.text(), max_size=4)
WEBHOOKS = st.fixed_dictionaries({"url": st.text(), "secret": st.none() | st.text()})
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.text(),
        "occurred_at": MOMENTS,
        "kind": st.text(),
        "url": st.text(),
        "options": TEXTS,
        "webhook": st.none() | WEBHOOKS,
        "max_attempts": st.integers(-(2**31), 2**31 - 1),
        "attempt_timeout_s": st.floats(allow_nan=False),
        "metadata": TEXTS,
        "not_before": st.none() | MOMENTS,
        "monitor_id": st.text(),
    },
)


def by_fastavro(name: str, record: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    out.write(PREFIX)
    schemaless_writer(out, all_schemas()[name].parsed, dict(record), strict_allow_default=True)
    return out.getvalue()


def writer_of(name: str) -> Write:
    return piece_writer(all_schemas()[name].parsed, PREFIX, OFTEN[name])


REQUEST_WRITER = writer_of("ScrapeRequested")


@given(CHANGES)
def test_a_request_has_fastavros_bytes(changes: Mapping[str, Any]) -> None:
    record = {**REQUEST, **changes}
    assert REQUEST_WRITER(record) == by_fastavro("ScrapeRequested", record)


@pytest.mark.parametrize("name", sorted(OFTEN))
def test_generated_records_have_fastavros_bytes(name: str) -> None:
    write = writer_of(name)
    for record in generate_many(all_schemas()[name].parsed, MOST_KEPT + 50):
        assert write(record) == by_fastavro(name, record)


@pytest.mark.parametrize("length", [0, 63, 64, SHORT - 1, SHORT, 8_191, 8_192, 70_000])
def test_texts_of_every_length_have_fastavros_bytes(length: int) -> None:
    record = {**REQUEST, "url": "x" * length, "metadata": {"ü" * length: "y" * length}}
    assert REQUEST_WRITER(record) == by_fastavro("ScrapeRequested", record)


@pytest.mark.parametrize("number", [0, 1, 2**14, 2**35])
def test_a_length_is_read_back_as_it_was(number: int) -> None:
    read = 0
    for place, byte in enumerate(length_bytes(number)):
        read |= (byte & 127) << 7 * place
    assert read >> 1 == number


@pytest.mark.parametrize(
    "changes",
    [
        {"url": 5},
        {"url": "\ud800"},
        {"url": b"https://"},
        {"metadata": {"order": 5}},
        {"metadata": None},
        {"options": []},
        {"webhook": {"url": 5}},
        {"max_attempts": "3"},
        {"max_attempts": 3.0},
        {"occurred_at": "today"},
        {"occurred_at": None},
        {"unknown": 1},
    ],
)
def test_what_fastavro_refuses_is_never_written(changes: Mapping[str, Any]) -> None:
    REQUEST_WRITER(REQUEST)  # what is kept of it must not help the wrong one
    record = {**REQUEST, **changes}
    expected = b""
    with suppress(Exception):
        expected = by_fastavro("ScrapeRequested", record)
    written = b""
    with suppress(Exception):
        written = REQUEST_WRITER(record)
    assert written in (b"", expected)


@pytest.mark.parametrize("name", sorted(REQUEST))
def test_a_field_that_is_missing_is_left_to_fastavro(name: str) -> None:
    record = {field: value for field, value in REQUEST.items() if field != name}
    with pytest.raises((KeyError, ValueError)):
        REQUEST_WRITER(record)
