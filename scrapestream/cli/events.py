"""``events``: the history of a job."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated, Any

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import ApiClient, Message, open_client
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.following import run_detachable
from scrapestream.cli.jobs import moment_text
from scrapestream.cli.look_back import check, show_at, show_diff
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.cli.text import plain, short

COLUMNS = ("SEQ#", "TIME", "TYPE", "WHAT")
FACTS_WIDTH = 100


class Form(StrEnum):
    """Formats of ``-f``."""

    TABLE = "table"
    JSONL = "jsonl"


def events(
    *,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")],
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only such, as AttemptFailed; repeatable."),
    ] = None,
    form: Annotated[Form, typer.Option("-f", "--format", help="How to print.")] = Form.TABLE,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print each as it comes, until the job ends.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="N|TIME", help="The job as it stood after event N, or then."),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar="N..M", help="What changed between two such points."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare the log with ClickHouse; exit code 1: they differ."),
    ] = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show what happened to a job."""
    if sum((follow, at is not None, diff is not None, verify)) > 1:
        raise CliError("--follow, --at, --diff and --verify exclude each other", ExitCode.USAGE)
    if verify:
        exit_code = check(job_id, data_dir, as_json=as_json)
        if exit_code:
            raise typer.Exit(exit_code)
        return
    address = find_api(api, data_dir)
    if at is not None:
        show_at(address, job_id, at, as_json=as_json)
        return
    if diff is not None:
        show_diff(address, job_id, diff, as_json=as_json)
        return
    in_lines = as_json or form is Form.JSONL
    wanted = frozenset(types or ())

    async def run() -> list[Body]:
        kept: list[Body] = []
        async with (
            open_client(address) as client,
            aclosing(_history(client, job_id, follow=follow)) as history,
        ):
            async for event in history:
                if wanted and event.get("type") not in wanted:
                    continue
                if in_lines:
                    print_json(event)
                elif follow:
                    typer.echo("  ".join(_row(event)))
                else:
                    kept.append(event)
        return kept

    kept = run_detachable(run(), {job_id: ""} if follow else {})
    if kept:
        print_table(COLUMNS, map(_row, kept))
    elif not in_lines and not follow:
        say("no such events")


async def _history(client: ApiClient, job_id: str, *, follow: bool) -> AsyncGenerator[Body]:
    if not follow:
        async for event in client.read_events(job_id):
            yield event
        return
    async with aclosing(client.follow(job_id, say)) as stream:
        async for message in stream:
            if message.is_event:
                yield _as_event(message)


def _as_event(message: Message) -> Body:
    """A stream's message in the shape of an event of the history."""
    facts = dict(message.fields)
    return {
        "id": message.id,
        "seq": facts.pop("seq", None),
        "type": facts.pop("type", None),
        "occurred_at": facts.pop("at", None),
        "data": facts,
    }


def _row(event: Mapping[str, Any]) -> tuple[str, str, str, str]:
    facts = event.get("data") or {}
    text = "  ".join(
        f"{plain(name)}={plain(value)}" for name, value in facts.items() if value not in (None, "")
    )
    return (
        plain(event.get("seq", "")),
        moment_text(event.get("occurred_at")),
        plain(event.get("type", "")),
        short(text, FACTS_WIDTH),
    )
