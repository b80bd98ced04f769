"""``export``: the reviews of a job as a file that has all of them, or is not there."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, find_api
from scrapestream.cli.client import ApiClient, Download, open_client
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.formats import Format, format_of, new_file, size_text
from scrapestream.cli.output import say
from scrapestream.cli.text import json_text
from streams.exports.proof import BrokenFileError, rows_in


def export(
    *,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Goes here; - is stdout.")
    ] = "-",
    form: Annotated[
        Format | None,
        typer.Option("-f", "--format", help="Format; else by the file's name, else json."),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin a CSV file with a byte order mark, for Excel.")
    ] = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write the reviews of a job to a file, and prove that it has all."""
    wanted = format_of(output, form)
    if bom and wanted is not Format.CSV:
        raise CliError("--bom is for csv alone", ExitCode.USAGE)
    address = find_api(api, data_dir)

    async def run() -> None:
        async with open_client(address) as client:
            await save_export(client, job_id, wanted, output, bom=bom)

    asyncio.run(run())


async def save_export(
    client: ApiClient, job_id: str, form: Format, output: str, *, bom: bool = False
) -> None:
    """Download, count, and only then put it where it was wanted.

    Raises:
        CliError: the answer broke off, or the file has not the rows that were announced; where
            ``output`` points nothing has changed.
    """
    # JSON is made of lines: one is in memory at a time, and each is counted.
    asked = Format.JSONL if form is Format.JSON else form
    async with client.export(job_id, asked.value, bom=bom) as download:
        if output == "-":
            with tempfile.TemporaryDirectory(prefix="scrapestream-") as directory:
                part = Path(directory) / "part"
                await _fill(part, download, form)
                with part.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
                size_bytes = part.stat().st_size
        else:
            with new_file(output) as part:
                await _fill(part, download, form)
                size_bytes = part.stat().st_size
    counted = f"{download.total:,} review{'' if download.total == 1 else 's'}"
    say(f"{counted}, all that were announced -> {output} ({size_text(size_bytes)})", "green")
    if not download.is_complete:
        say("the job still runs: these are the reviews that it has now", "yellow")


async def _fill(part: Path, download: Download, form: Format) -> None:
    try:
        if form in {Format.JSON, Format.JSONL}:
            rows = await _write_json(part, download, form)
        else:
            with part.open("wb") as file:
                async for piece in download.pieces:
                    file.write(piece)
            rows = rows_in(part, form.value)
    except (BrokenFileError, ValueError) as error:
        raise CliError(f"the file came broken, and was not kept: {error}") from None
    except OSError as error:
        raise CliError(f"cannot write {part.parent}: {error.strerror or error}") from None
    if rows != download.total:
        raise CliError(
            f"{download.total} reviews were announced, {rows} came: the file was not kept"
        )


async def _write_json(part: Path, download: Download, form: Format) -> int:
    """Lines, or one array of them; in both no character that a terminal would obey."""
    rows, rest = 0, b""
    with part.open("w", encoding="utf-8") as file:
        if form is Format.JSON:
            file.write("[")
        async for piece in download.pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                text = json_text(json.loads(line))
                if form is Format.JSON:
                    text = f"{',' if rows else ''}\n  {text}"
                file.write(text if form is Format.JSON else f"{text}\n")
                rows += 1
        if rest:
            raise BrokenFileError("its last line has no end")
        if form is Format.JSON:
            file.write("\n]\n" if rows else "]\n")
    return rows
