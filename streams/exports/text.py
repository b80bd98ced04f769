"""JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from streams.domain.job import Job
from streams.exports.columns import Column, json_cell

Item = Mapping[str, Any]

BOM = b"\xef\xbb\xbf"
"""Tells Excel that a CSV file is UTF-8."""

# A spreadsheet runs a text cell that starts so, also with the full-width forms of the signs:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class JsonObject:
    """One object, with the items in a list."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._head = msgspec.json.encode(about).removesuffix(b"}") + b',"reviews":['
        self._separator = b""

    def begin(self) -> bytes:
        return self._head

    def add(self, items: Sequence[Item]) -> bytes:
        separator, joined = self._separator, b",".join(map(msgspec.json.encode, items))
        if items:
            self._separator = b","
        return separator + joined if items else b""

    def end(self, rows: int) -> bytes:
        return b'],"next":null}'


def json_head(job: Job) -> Mapping[str, Any]:
    """What JSON with items says of their job."""
    return {
        "job_id": job.job_id,
        "status": job.status,
        "reviews_count": job.items_count,
        "complete": not job.is_open,
    }


class JsonLines:
    """One object a line."""

    def begin(self) -> bytes:
        return b""

    def add(self, items: Sequence[Item]) -> bytes:
        return b"".join(msgspec.json.encode(item) + b"\n" for item in items)

    def end(self, rows: int) -> bytes:
        return b""


class Csv:
    """RFC 4180 with a head; no cell is a formula."""

    def __init__(self, columns: Sequence[Column], *, bom: bool = False) -> None:
        self._names = [column.name for column in columns]
        self._bom = bom

    def begin(self) -> bytes:
        return (BOM if self._bom else b"") + csv_rows([self._names])

    def add(self, items: Sequence[Item]) -> bytes:
        return csv_rows([item.get(name) for name in self._names] for item in items)

    def end(self, rows: int) -> bytes:
        return b""


def csv_rows(rows: Any) -> bytes:
    """Rows of any values, as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def csv_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; lists and objects as JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)  # a negative number is a number
        case str():
            text = value
        case _:
            text = json_cell(value)
    written = writable(text)
    # Both are looked at: a character that is removed must not hide the sign behind it.
    is_formula = text.startswith(_FORMULA) or written.lstrip(" ").startswith(_FORMULA)
    return ("'" if is_formula else "") + written


def writable(text: str) -> str:
    """``text`` without control characters, which no spreadsheet reads; line ends stay."""
    return _UNWRITABLE.sub("", text)
