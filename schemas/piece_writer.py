"""Encodes Avro records by functions that are made from their schemas, piece by piece.

A record's bytes are those of its fields, one behind the other. Of many records that differ in a
few fields only, fastavro encodes all others once; what differs is mostly text, which is its length
and its UTF-8. Every record that is not as it should be is left to fastavro as a whole: it also has
the words for what is wrong.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from fastavro import parse_schema, schemaless_writer

Record = Mapping[str, Any]
Write = Callable[[Record], bytes]
"""From a record to its value. Raises any error for a record that it cannot write."""

OFTEN: Mapping[str, Collection[str]] = {
    "ScrapeRequested": frozenset(
        {
            "event_id",
            "job_id",
            "occurred_at",
            "url",
            "options",
            "webhook",
            "metadata",
            "request_fingerprint",
            "not_before",
            "expires_at",
            "retry_of",
            "cloned_from",
        }
    )
}
"""By schema, the fields that differ from record to record. Other schemas are fastavro's alone."""
MOST_KEPT = 256  # sets of the fields that seldom differ; then it begins anew
TEXTS = {"type": "map", "values": "string"}
ABSENT = b"\x00"
"""The first branch of a union, which is null, and the end of a map."""
SHORT = 1_024  # lengths below are kept ready
MORE = 128  # a byte of a number from here on has others behind it


def piece_writer(schema: Any, prefix: bytes, often: Collection[str]) -> Write:
    """The function that writes ``prefix`` and the body of a record.

    ``often``: the fields that differ from record to record; the values of all others must be
    hashable.
    """
    names: dict[str, Any] = {"prefix": prefix, "lengths": _LENGTHS, "length": length_bytes}
    lines = [f"if len(r) != {len(schema['fields']):d}: raise ValueError"]
    pieces = ["prefix"]
    seldom: list[str] = []
    runs: list[list[Any]] = []
    is_in_run = False
    for number, field in enumerate(schema["fields"]):
        name, kind = field["name"], field["type"]
        if name not in often:
            seldom.append(name)
            if not is_in_run:
                pieces.append(f"kept[{len(runs):d}]")
                runs.append([])
            runs[-1].append(field)
            is_in_run = True
            continue
        is_in_run = False
        value, write = f"v{number:d}", f"write{number:d}"
        lines.append(f"{value} = r[{name!r}]")
        if kind == "string":
            lines += [f"{value} = {value}.encode()", f"n = len({value})"]
            lines.append(f"n{number:d} = lengths[n] if n < {SHORT:d} else length(n)")
            pieces += [f"n{number:d}", value]
            continue
        names[write] = _map_bytes if kind == TEXTS else _field_writer(schema, field)
        nothing = "is None" if isinstance(kind, list) and kind[0] == "null" else "== {}"
        pieces.append(f"ABSENT if {value} {nothing} else {write}({value})")
    names |= {"ABSENT": ABSENT, "runs_of": _kept_runs(schema, runs, seldom)}
    lines.append(f"kept = runs_of(({''.join(f'r[{name!r}], ' for name in seldom)}))")
    body = "\n".join(f"    {line}" for line in lines)
    text = f"def write(r):\n{body}\n    return b''.join(({', '.join(pieces)}))"
    # Of the schema there are only the names of fields in it, as literals.
    exec(compile(text, "<schema>", "exec"), names)  # noqa: S102
    made: Write = names["write"]
    return made


def length_bytes(number: int) -> bytes:
    """A length or a count as Avro writes it: zigzag, seven bits a byte."""
    number <<= 1
    out = bytearray()
    while number >= MORE:
        out.append(number & 127 | MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


_LENGTHS = tuple(map(length_bytes, range(SHORT)))


def _map_bytes(texts: Mapping[str, str]) -> bytes:
    """A map of texts, which is not empty: one block and the end."""
    pieces = [length_bytes(len(texts))]
    for pair in texts.items():
        for text in pair:
            raw = text.encode()
            length = len(raw)
            pieces += (_LENGTHS[length] if length < SHORT else length_bytes(length), raw)
    pieces.append(ABSENT)
    return b"".join(pieces)


def _field_writer(schema: Any, field: Any) -> Callable[[Any], bytes]:
    """What writes one field; times, which many records have in common, only once."""
    write, name = _fields_writer(schema, [field]), field["name"]

    def of_value(value: Any) -> bytes:
        return write({name: value})

    return lru_cache(maxsize=64)(of_value) if _is_time(field["type"]) else of_value


def _is_time(kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(each, Mapping) and "logicalType" in each for each in kinds)


def _kept_runs(
    schema: Any, runs: list[list[Any]], seldom: list[str]
) -> Callable[[tuple[Any, ...]], tuple[bytes, ...]]:
    """What gives the bytes of each run of fields from the values of all of them."""
    writers = [_fields_writer(schema, run) for run in runs]

    @lru_cache(maxsize=MOST_KEPT, typed=True)
    def kept(values: tuple[Any, ...]) -> tuple[bytes, ...]:
        record = dict(zip(seldom, values, strict=True))
        return tuple(write(record) for write in writers)

    return kept


def _fields_writer(schema: Any, fields: list[Any]) -> Write:
    """Fastavro's bytes of these fields alone."""
    part = parse_schema(
        {"type": "record", "name": f"{schema['name']}Part", "fields": fields}, named_schemas={}
    )

    def write(record: Record) -> bytes:
        out = io.BytesIO()
        own = {field["name"]: record[field["name"]] for field in fields}
        schemaless_writer(out, part, own, strict_allow_default=True)
        return out.getvalue()

    return write
