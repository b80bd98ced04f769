"""Files of items, without the API: hostile texts, types, and that nothing piles up."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

import streams.exports.parquet
import streams.exports.xlsx
from schemas.catalog import schemas_in
from streams.exports.columns import Kind, columns_of
from streams.exports.parquet import Parquet
from streams.exports.text import Csv, Item, JsonLines
from streams.exports.xlsx import LONGEST_CELL, Xlsx

COLUMNS = columns_of("GoogleReview")
FORMULAS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "\x00=1", "\uff1d1", "=HYPERLINK(1)"]


def item(number: int, **fields: Any) -> Item:
    return {"review_id": f"r{number}", "position": number, "rating": 4.5, **fields}


def workbook(items: list[Item]) -> Any:
    writer = Xlsx(COLUMNS, {})
    writer.add(items)
    with writer.finished(len(items)) as file:
        return openpyxl.load_workbook(io.BytesIO(file.read()))


@pytest.mark.parametrize("schema", schemas_in("items"), ids=lambda schema: schema.name)
def test_every_item_schema_has_columns_of_known_kinds(schema: Any) -> None:
    columns = columns_of(schema.name)
    assert columns
    assert not {"job_id", "event_id"} & {column.name for column in columns}
    parquet = Parquet(columns, {})
    content = parquet.begin() + parquet.end(0)
    assert pq.ParquetFile(io.BytesIO(content)).schema_arrow.names == [each.name for each in columns]


def test_the_kinds_follow_from_the_schema() -> None:
    kinds = {column.name: column.kind for column in COLUMNS}
    assert kinds["review_id"] is Kind.TEXT
    assert kinds["published_at"] is Kind.TIME
    assert kinds["photo_urls"] is Kind.TEXTS
    assert kinds["sub_ratings"] is Kind.NUMBERS_BY_NAME
    assert kinds["is_edited"] is Kind.BOOLEAN
    assert (kinds["likes"], kinds["rating"]) == (Kind.INTEGER, Kind.NUMBER)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_any_spreadsheet_is_a_formula(text: str) -> None:
    writer = Csv(COLUMNS)
    content = writer.begin() + writer.add([item(1, text=text)]) + writer.end(1)
    (row,) = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert row["text"].startswith("'")

    sheet = workbook([item(1, text=text)])["items"]
    column = [column.name for column in COLUMNS].index("text") + 1
    cell = sheet.cell(2, column)
    assert cell.data_type == "s"
    assert cell.hyperlink is None


def test_a_text_that_no_cell_holds_is_cut_and_counted() -> None:
    book = workbook([item(1, text="x" * (LONGEST_CELL + 1)), item(2, text="y" * LONGEST_CELL)])
    column = [column.name for column in COLUMNS].index("text") + 1
    cut, whole = (book["items"].cell(row, column).value for row in (2, 3))
    assert (len(cut), cut[-6:]) == (LONGEST_CELL, " [...]")
    assert whole == "y" * LONGEST_CELL
    facts = dict(book["about"].iter_rows(values_only=True))
    assert facts["texts longer than a cell can hold, cut"] == "1"


def test_a_workbook_goes_on_on_another_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.exports.xlsx, "ROWS_A_SHEET", 2)
    book = workbook([item(number) for number in range(1, 6)])
    sheets = {name: list(book[name].values) for name in book.sheetnames}
    assert list(sheets) == ["items", "items 2", "items 3", "about"]
    assert [len(sheets[name]) - 1 for name in ("items", "items 2", "items 3")] == [2, 2, 1]
    assert {rows[0] for name, rows in sheets.items() if name != "about"} == {
        tuple(column.name for column in COLUMNS)
    }


def test_nothing_is_left_of_a_workbook_whether_it_was_finished_or_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for is_finished in (True, False):
        writer = Xlsx(COLUMNS, {})
        writer.add([item(number, text="x" * 1000) for number in range(100)])
        assert list(tmp_path.iterdir())
        if is_finished:
            writer.finished(100).close()
        else:
            writer.close()
        assert list(tmp_path.iterdir()) == []


def test_a_number_beyond_a_double_stays_exact_as_text() -> None:
    book = workbook([item(1, likes=2**53 + 1), item(2, likes=2**53)])
    column = [column.name for column in COLUMNS].index("likes") + 1
    assert book["items"].cell(2, column).value == "9007199254740993"
    assert book["items"].cell(3, column).value == 2**53


def test_parquet_gives_its_rows_away_as_groups_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.exports.parquet, "ROWS_A_GROUP", 20)
    writer = Parquet(COLUMNS, {"a": "b"})
    pieces = [writer.begin()]
    pieces += [
        writer.add([item(page * 10 + row, sub_ratings={"Food": 5}) for row in range(10)])
        for page in range(5)
    ]
    pieces.append(writer.end(50))
    assert [bool(piece) for piece in pieces] == [True, False, True, False, True, False, True]
    file = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert [file.metadata.row_group(group).num_rows for group in range(3)] == [20, 20, 10]
    rows = file.read().to_pylist()
    assert [row["review_id"] for row in rows] == [f"r{number}" for number in range(50)]
    assert rows[0]["sub_ratings"] == [("Food", 5.0)]


def test_a_cut_parquet_file_is_none() -> None:
    writer = Parquet(COLUMNS, {})
    content = writer.begin() + writer.add([item(1)]) + writer.end(1)
    with pytest.raises(Exception, match="Parquet"):
        pq.ParquetFile(io.BytesIO(content[:-8]))


def test_a_line_is_an_item() -> None:
    writer = JsonLines()
    assert writer.begin() + writer.add([{"a": "\u2028\n"}]) + writer.end(1) == (
        b'{"a":"\xe2\x80\xa8\\n"}\n'
    )
