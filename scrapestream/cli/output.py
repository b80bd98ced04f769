"""What the verbs print: data and tables on stdout, messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.text import json_text, plain, safe

__all__ = ["CliError", "ExitCode", "messages", "print_json", "print_table", "say", "status_text"]


def print_json(value: Any) -> None:
    """One JSON value a line, on stdout, at once."""
    sys.stdout.write(json_text(value) + "\n")
    sys.stdout.flush()


def messages() -> Console:
    """Where everything goes that is not data."""
    return Console(stderr=True, highlight=False)


def say(text: str, style: str = "") -> None:
    """A message on stderr, one line, safe for any text."""
    messages().print(Text(safe(text), style=style), soft_wrap=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; one row a line with nothing cut off when it is not a terminal."""
    # A column whose name ends in # holds numbers and stands to the right.
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.removesuffix("#"),
            justify="right" if column.endswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    console.print(table)


STATUS_STYLES = {
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
    "retrying": "yellow",
    "processing": "cyan",
}


def status_text(status: object) -> Text:
    """A status word in its colour; the word alone says it too."""
    word = plain(status)
    return Text(word, style=STATUS_STYLES.get(word, ""))
