"""Counts the rows of a finished file, at flat memory: the proof that it has what was announced."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from pathlib import Path

PIECE_BYTES = 1024 * 1024
_SHEET = re.compile(r"xl/worksheets/sheet(\d+)\.xml")
_ROW = b"<row "
_BROKEN = (
    *(ValueError, LookupError, OSError, EOFError, StopIteration),
    *(csv.Error, zipfile.BadZipFile, zlib.error),
)
"""What readers of these formats raise for a cut or wrong file; pyarrow's are among them."""


class BrokenFileError(Exception):
    """The file is not a whole one of its format; the text says why."""


def rows_in(path: Path, form: str) -> int:
    """The rows of a ``csv``, ``jsonl``, ``parquet`` or ``xlsx`` file of ours.

    Raises:
        BrokenFileError: it is cut, or none of this format.
    """
    try:
        return _COUNTS[form](path)
    except _BROKEN as error:
        raise BrokenFileError(f"not a whole {form} file: {type(error).__name__}: {error}") from None


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        count, last = 0, b"\n"
        while piece := file.read(PIECE_BYTES):
            count, last = count + piece.count(b"\n"), piece[-1:]
    if last != b"\n":
        raise BrokenFileError("its last line has no end")
    return count


def _records(path: Path) -> int:
    # A text may be as long as it likes; the bound of the library is for hostile files.
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        width = len(next(reader))
        count = 0
        for count, record in enumerate(reader, 1):
            if len(record) != width:
                raise BrokenFileError(f"row {count} has {len(record)} cells, not {width}")
    return count


def _parquet_rows(path: Path) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415 - loads longer than most verbs run

    metadata = pq.ParquetFile(path).metadata
    told = int(metadata.metadata[b"scrapestream.rows"])
    if told != metadata.num_rows:
        raise BrokenFileError(f"its footer says {told} rows, and it has {metadata.num_rows}")
    return int(metadata.num_rows)


def _sheet_rows(path: Path) -> int:
    with zipfile.ZipFile(path) as book:
        numbers = sorted(
            int(match[1]) for name in book.namelist() if (match := _SHEET.fullmatch(name))
        )
        # The last sheet tells about the file; each other one has a head.
        return sum(_tags(book, f"xl/worksheets/sheet{number}.xml") - 1 for number in numbers[:-1])


def _tags(book: zipfile.ZipFile, name: str) -> int:
    """Rows of a sheet; reading it to its end checks its checksum, too."""
    count, rest = 0, b""
    with book.open(name) as sheet:
        while piece := sheet.read(PIECE_BYTES):
            text = rest + piece
            count += text.count(_ROW)
            rest = text[-(len(_ROW) - 1) :]
    return count


_COUNTS = {"jsonl": _lines, "csv": _records, "parquet": _parquet_rows, "xlsx": _sheet_rows}
