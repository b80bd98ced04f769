"""Files of reviews: JSON, JSON lines and CSV, written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from scrapestream.cli.exits import CliError
from scrapestream.cli.text import json_text

Review = Mapping[str, Any]


class Format(StrEnum):
    """Formats of ``-f``."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


# A spreadsheet runs a text cell that starts so, also with the full-width forms of the signs:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def format_of(path: str | None, wanted: Format | None) -> Format:
    """The format asked for, else the one of the file's name, else JSON."""
    if wanted is not None:
        return wanted
    ending = Path(path).suffix.removeprefix(".") if path else ""
    return next((form for form in Format if form.value == ending), Format.JSON)


def render(reviews: Sequence[Review], form: Format) -> str:
    """The text of a file."""
    match form:
        case Format.JSON:
            return json_text(list(reviews), indent=2) + "\n"
        case Format.JSONL:
            return "".join(json_text(review) + "\n" for review in reviews)
        case Format.CSV:
            return _csv(reviews)


def _csv(reviews: Sequence[Review]) -> str:
    columns = list(dict.fromkeys(name for review in reviews for name in review))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([csv_cell(column) for column in columns])
    writer.writerows([csv_cell(review.get(name)) for name in columns] for review in reviews)
    return text.getvalue()


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
            text = json_text(value)
    written = _UNWRITABLE.sub("", text)
    # Both are looked at: a character that is removed must not hide the sign behind it.
    is_formula = text.startswith(_FORMULA) or written.lstrip(" ").startswith(_FORMULA)
    return ("'" if is_formula else "") + written


def write_text(path: str, text: str) -> int:
    """Write to a file, or to stdout for ``-``; a reader never sees half of it. Returns bytes.

    Raises:
        CliError: the file cannot be written; the old one is as it was.
    """
    content = text.encode()
    if path == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return len(content)
    target = Path(path)
    try:
        if target.exists() and not target.is_file():  # a pipe or a device takes no rename
            target.write_bytes(content)
        else:
            _replace(target.resolve(), content)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror or error}") from None
    return len(content)


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
