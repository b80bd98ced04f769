"""``sql``: questions to ClickHouse, and nothing but questions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.look_back import plain_json, value_text
from scrapestream.cli.output import print_json, print_table, say
from streams.exports.text import csv_rows
from streams.settings import Settings


def sql(
    *,
    statement: Annotated[
        str, typer.Argument(metavar="SQL", help="A SELECT, SHOW, DESCRIBE or EXPLAIN; - is stdin.")
    ],
    as_json: JsonOption = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="CSV with a head; no cell is a formula.")
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Ask ClickHouse; whatever would write is refused.

    Tables and views are in docs/reference/analytics.md.
    """
    if as_json and as_csv:
        raise CliError("--json and --csv exclude each other", ExitCode.USAGE)
    text = (sys.stdin.read() if statement == "-" else statement).strip().rstrip("; \n\t")
    if not text:
        raise CliError("there is no statement", ExitCode.USAGE)
    asyncio.run(_print(find_settings(data_dir), text, as_json=as_json, as_csv=as_csv))


async def _print(settings: Settings, text: str, *, as_json: bool, as_csv: bool) -> None:
    head: Sequence[str] = ()
    kept: list[Sequence[object]] = []
    async with aclosing(_blocks(settings, text)) as blocks:
        async for names, rows in blocks:
            if not rows:  # the embedded engine names no columns before the first row
                continue
            is_first, head = not head, names
            if as_json:
                for row in rows:
                    print_json(dict(zip(names, map(plain_json, row), strict=True)))
            elif as_csv:
                lines = csv_rows([[plain_json(value) for value in row] for row in rows])
                sys.stdout.write((csv_rows([names]) if is_first else b"").decode())
                sys.stdout.write(lines.decode())
            else:
                kept.extend([value_text(plain_json(value)) for value in row] for row in rows)
    if not head:
        say("no rows")
    elif not (as_json or as_csv):
        print_table([name.removesuffix("#") for name in head], kept)


async def _blocks(
    settings: Settings, text: str
) -> AsyncGenerator[tuple[Sequence[str], Sequence[Sequence[Any]]]]:
    from streams.adapters.clickhouse import open_clickhouse  # noqa: PLC0415 - loads for long

    async with (
        open_clickhouse(settings) as clickhouse,
        aclosing(clickhouse.read_only(text)) as blocks,
    ):
        async for block in blocks:
            yield block
