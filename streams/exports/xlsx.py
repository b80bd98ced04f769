"""Excel workbooks, row by row through a temporary file. The only file that knows XlsxWriter."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from streams.exports.columns import Column, Kind, json_cell, time_in
from streams.exports.text import Item, writable

ROWS_A_SHEET = 1_048_576 - 1  # what Excel reads, less the head
LONGEST_CELL = 32_767
"""Characters that Excel takes in a cell."""
CUT_MARK = " [...]"
LARGEST_INTEGER = 2**53
"""Excel's numbers are doubles: beyond this they would not be the same."""


class Xlsx:
    """A workbook: one sheet of items for each million rows, and one that says what it is.

    Every text is written as text, so no cell is a formula or a link.
    """

    def __init__(self, columns: Sequence[Column], facts: Mapping[str, str]) -> None:
        self._columns = columns
        self._facts = facts
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="scrapestream-")  # noqa: SIM115 - the caller closes it
        # XlsxWriter removes its own files only when all goes well.
        self._directory = tempfile.TemporaryDirectory(prefix="scrapestream-")
        self._book = xlsxwriter.Workbook(
            self._file,
            {
                "constant_memory": True,
                "tmpdir": self._directory.name,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "nan_inf_to_errors": True,
            },
        )
        self._bold = self._book.add_format({"bold": True})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._cut_count = 0
        self._row = 0
        self._sheets = 0
        self._sheet = self._next_sheet()

    def add(self, items: Sequence[Item]) -> None:
        """Append rows."""
        for item in items:
            if self._row == ROWS_A_SHEET + 1:
                self._sheet = self._next_sheet()
            for number, column in enumerate(self._columns):
                value = item.get(column.name)
                if value is not None:
                    self._write(number, column.kind, value)
            self._row += 1

    def finished(self, rows: int) -> IO[bytes]:
        """The whole file, to be read from its start; closing it removes it."""
        about = self._book.add_worksheet("about")
        facts = {**self._facts, "scrapestream.rows": str(rows)}
        if self._cut_count:
            facts["texts longer than a cell can hold, cut"] = str(self._cut_count)
        for row, (name, value) in enumerate(facts.items()):
            about.write_string(row, 0, name)
            about.write_string(row, 1, value)
        self._book.close()
        self._directory.cleanup()
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give it up: removes what was written so far."""
        self._file.close()
        self._directory.cleanup()

    def _next_sheet(self) -> Worksheet:
        self._sheets += 1
        sheet = self._book.add_worksheet("items" if self._sheets == 1 else f"items {self._sheets}")
        sheet.freeze_panes(1, 0)
        for number, column in enumerate(self._columns):
            sheet.write_string(0, number, column.name, self._bold)
        self._row = 1
        return sheet

    def _write(self, number: int, kind: Kind, value: Any) -> None:
        match kind:
            case Kind.BOOLEAN:
                self._sheet.write_boolean(self._row, number, value)
            case Kind.INTEGER | Kind.NUMBER if abs(value) <= LARGEST_INTEGER:
                self._sheet.write_number(self._row, number, value)
            case Kind.TIME:
                at = time_in(value)
                if at is not None:  # Excel knows no zones: all are UTC
                    self._sheet.write_datetime(
                        self._row, number, at.replace(tzinfo=None), self._time
                    )
            case _:
                self._write_text(number, value if isinstance(value, str) else json_cell(value))

    def _write_text(self, number: int, value: str) -> None:
        text = writable(value)
        if len(text) > LONGEST_CELL:
            text = text[: LONGEST_CELL - len(CUT_MARK)] + CUT_MARK
            self._cut_count += 1
        if text:
            self._sheet.write_string(self._row, number, text)
