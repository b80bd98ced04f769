"""The proof counts what is there, and takes no broken file for a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.exports import Writer
from streams.exports.columns import columns_of
from streams.exports.parquet import Parquet
from streams.exports.proof import BrokenFileError, rows_in
from streams.exports.text import Csv, Item, JsonLines
from streams.exports.xlsx import Xlsx

COLUMNS = columns_of("GoogleReview")
ITEMS: list[Item] = [
    {"review_id": f"r{number}", "text": 'two\nlines, a "quote", <row > and ' + "x" * number}
    for number in range(500)
]


def content_of(form: str, items: list[Item]) -> bytes:
    if form == "xlsx":
        book = Xlsx(COLUMNS, {"a": "b"})
        book.add(items)
        with book.finished(len(items)) as file:
            return file.read()
    writers: dict[str, Writer] = {
        "jsonl": JsonLines(),
        "csv": Csv(COLUMNS, bom=True),
        "parquet": Parquet(COLUMNS, {}),
    }
    writer = writers[form]
    return writer.begin() + writer.add(items) + writer.end(len(items))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "xlsx"])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_the_rows_of_a_file_are_counted(tmp_path: Path, form: str, count: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content_of(form, ITEMS[:count]))
    assert rows_in(path, form) == count


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "xlsx"])
def test_a_file_that_is_cut_anywhere_is_not_taken_for_a_whole_one(
    tmp_path: Path, form: str
) -> None:
    content = content_of(form, ITEMS)
    path = tmp_path / "file"
    for length in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:length])
        try:
            counted = rows_in(path, form)
        except BrokenFileError:
            continue
        assert counted < len(ITEMS)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content_of("csv", ITEMS))
    for form in ("parquet", "xlsx"):
        with pytest.raises(BrokenFileError, match=f"not a whole {form} file"):
            rows_in(path, form)
