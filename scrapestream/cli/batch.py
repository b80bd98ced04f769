"""``batch submit``, ``batch show`` and ``batch cancel``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import ApiClient, open_client
from scrapestream.cli.exits import CliError, ExitCode, worst
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.cli.text import complain, plain

MOST_SHOWN = 20
"""Refused requests that are shown one by one."""
LINES, ARRAY = "application/x-ndjson", "application/json"

BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="Id of the batch.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def batch() -> None:
    """Submit, show or cancel many jobs at once."""


@app.command()
def submit(
    *,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A JSON array of requests, a request a line, or a URL a line; - reads stdin.",
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", help="Watch until all have ended.")] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="TEXT",
            help="Idempotency key: the same file sent again makes no second jobs.",
        ),
    ] = None,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Submit many requests in one call; prints the batch's id."""
    address = find_api(api, data_dir)
    content, media_type = body_of(_read(file))
    begun: list[str] = []

    async def run() -> ExitCode:
        async with open_client(address) as client:
            answer = await client.submit_batch(content, media_type, key)
            begun.append(str(answer["batch_id"]))
            _show_submitted(answer, as_json=as_json)
            codes = [ExitCode.USAGE] if answer["refused"] else []
            if follow:
                codes.append(await _follow(client, str(answer["batch_id"]), as_json=as_json))
            return worst(codes)

    _run_detachable(run(), begun)


@app.command()
def show(
    *,
    batch_id: BatchArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Watch until all have ended.")] = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show how the jobs of a batch stand."""
    address = find_api(api, data_dir)

    async def run() -> ExitCode:
        async with open_client(address) as client:
            if follow:
                return await _follow(client, batch_id, as_json=as_json)
            found = await client.read_batch(batch_id)
        if as_json:
            print_json(found)
            return ExitCode.OK
        counts = found.pop("counts")
        print_table(
            ("FIELD", "VALUE"),
            [
                *((name, plain(value)) for name, value in found.items() if value is not None),
                *((status, f"{count:,}") for status, count in counts.items()),
            ],
        )
        return ExitCode.OK

    _run_detachable(run(), [batch_id])


@app.command()
def cancel(
    *,
    batch_id: BatchArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Ask for the end of all open jobs of a batch; their reviews so far are kept."""
    address = find_api(api, data_dir)

    async def run() -> Body:
        async with open_client(address) as client:
            return await client.cancel_batch(batch_id)

    answer = asyncio.run(run())
    if as_json:
        print_json(answer)
    else:
        say(f"asked for the end of {answer['cancel_requested']:,} jobs of batch {batch_id}")


def _run_detachable(work: Coroutine[Any, Any, ExitCode], batches: Sequence[str]) -> None:
    """Run ``work`` and exit with its code; Ctrl-C leaves the batch running, and says so."""
    try:
        exit_code = asyncio.run(work)
    except KeyboardInterrupt:
        for batch_id in batches:
            say(
                f"detached, batch {batch_id} goes on:  scrapestream batch show {batch_id} --follow"
                f"   scrapestream batch cancel {batch_id}"
            )
        raise typer.Exit(ExitCode.DETACHED) from None
    if exit_code:
        raise typer.Exit(exit_code)


def body_of(text: str) -> tuple[bytes, str]:
    """The body for a file's text and its media type. A line that is no JSON object is a URL.

    Raises:
        CliError: there is no request in it.
    """
    if text.lstrip().startswith("["):
        return text.encode(), ARRAY
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise CliError("there is no request in the file", ExitCode.USAGE)
    requests = (line if line.startswith("{") else json.dumps({"url": line}) for line in lines)
    return "\n".join(requests).encode(), LINES


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"cannot read {file}: {error}", ExitCode.USAGE) from None


def _show_submitted(answer: Body, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for error in answer["errors"][:MOST_SHOWN]:
        complain(f"request {error['index'] + 1}: {plain(error['problem']['detail'])}")
    if (more := len(answer["errors"]) - MOST_SHOWN) > 0:
        complain(f"... and {more:,} more")
    say(f"{answer['accepted']:,} jobs queued, {answer['refused']:,} refused")
    sys.stdout.write(f"{answer['batch_id']}\n")
    sys.stdout.flush()


async def _follow(client: ApiClient, batch_id: str, *, as_json: bool) -> ExitCode:
    """Show the counts as they change; the exit code that the whole batch stands for."""
    counts: Body = {}
    async with aclosing(client.follow_batch(batch_id, say)) as stream:
        async for message in stream:
            counts = message.fields.get("counts") or {}
            if as_json:
                print_json(message.fields)
            else:
                say(counts_text(message.fields))
    codes = [ExitCode.OK]
    codes += [ExitCode.FAILED] if counts.get("failed") else []
    codes += [ExitCode.CANCELLED] if counts.get("cancelled") else []
    return worst(codes)


def counts_text(fields: Mapping[str, Any]) -> str:
    """A line for people: how far it is, and how many jobs there are of each status."""
    counts = "  ".join(f"{count:,} {name}" for name, count in fields["counts"].items() if count)
    left = f"  about {fields['estimated_time']} left" if fields.get("estimated_time") else ""
    return f"{fields['progress']:3d} %  {counts}{left}"
