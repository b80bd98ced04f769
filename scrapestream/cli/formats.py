"""Files of reviews, written whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.text import json_text
from streams.exports.text import csv_rows

Review = Mapping[str, Any]


class Format(StrEnum):
    """Formats of ``-f``."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    XLSX = "xlsx"


ONE_JOB = frozenset({Format.PARQUET, Format.XLSX})
"""Formats that the API makes, of one job a file."""


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
        case Format.PARQUET | Format.XLSX:
            raise CliError(
                f"a {form.value} file has the reviews of one job: scrapestream export JOB",
                ExitCode.USAGE,
            )


def _csv(reviews: Sequence[Review]) -> str:
    columns = list(dict.fromkeys(name for review in reviews for name in review))
    rows = ([review.get(name) for name in columns] for review in reviews)
    return csv_rows([columns]).decode() + csv_rows(rows).decode()


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
    with new_file(path) as part:
        part.write_bytes(content)
    return len(content)


@contextmanager
def new_file(path: str) -> Iterator[Path]:
    """A file to fill, beside its place; it gets the name ``path`` when the block ends well.

    Raises:
        CliError: the file cannot be written; the old one is as it was.
    """
    target = Path(path)
    try:
        if target.exists() and not target.is_file():  # a pipe or a device takes no rename
            yield target
            return
        target = target.resolve()
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            part.open("xb").close()
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror or error}") from None


def size_text(size_bytes: int) -> str:
    """A file's size for people."""
    if size_bytes >= 1_000_000:
        return f"{size_bytes / 1_000_000:.1f} MB"
    return f"{size_bytes / 1_000:.1f} kB"
