"""Text that cannot harm a terminal. Without Rich, which loads longer than most verbs run."""

from __future__ import annotations

import json
import re
from typing import Any

import typer

# Control characters, lone surrogates, line separators, and the marks that turn text around.
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def safe(text: object) -> str:
    """One line without what a terminal obeys: a scraped text may hold escape sequences."""
    return _HOSTILE.sub(" ", str(text))


def plain(text: object) -> str:
    """As `safe`, with single spaces: for a value that others wrote."""
    return " ".join(safe(text).split())


def short(text: object, width: int) -> str:
    """As `plain`, cut to ``width`` characters."""
    line = plain(text)
    return line if len(line) <= width else line[: width - 3] + "..."


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON that reads well and holds no character that a terminal would obey."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Outside of strings JSON has none of them but the newlines of the indent.
    return re.sub(
        _HOSTILE,
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}",
        text,
    )


def complain(text: str) -> None:
    """An error message on stderr; its lines stay lines."""
    lines = "\n".join(safe(line).rstrip() for line in text.splitlines())
    typer.echo(f"error  {lines}", err=True)
