"""Statements that the embedded ClickHouse refuses before the engine sees them."""

from __future__ import annotations

import pytest

from embedded.clickhouse_statement import BadRequestError, read_statement


@pytest.mark.parametrize(
    ("statement", "is_refused"),
    [
        ("SELECT 1 INTO OUTFILE '/tmp/x'", True),
        ("select 1 into /* ' */ outfile '/tmp/x'", True),
        ("SELECT 1 # '\n INTO OUTFILE '/tmp/x'", True),
        ("SELECT $a$ ' $a$ INTO OUTFILE '/tmp/x'", True),
        ("SELECT 'INTO OUTFILE'", False),
        ('SELECT `outfile`, "outfile" FROM t -- INTO OUTFILE', False),
        ("SELECT 'it''s \\' INTO OUTFILE '", False),
    ],
)
def test_no_statement_writes_files_here(statement: str, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(BadRequestError, match="OUTFILE is not allowed"):
            read_statement([("query", statement)], b"")
    else:
        assert read_statement([("query", statement)], b"").sql == statement
