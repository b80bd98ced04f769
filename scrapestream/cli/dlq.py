"""``dlq ls``, ``dlq show``, ``dlq requeue``, ``dlq drop``: what could not be processed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.jobs import DryRunOption, SinceOption, moment_text
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.cli.text import json_text, plain, short
from scrapestream.cli.times import since_moment

REASON_WIDTH = 60

IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="LETTER", help="Ids; else all that the filters take.")
]
TopicOption = Annotated[
    str | None, typer.Option("--topic", metavar="TOPIC", help="scrape-dlq or webhook-dlq.")
]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="A class, or a part of the reason.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")]
AllOption = Annotated[bool, typer.Option("--all", help="Without ids and filters: all of them.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def dlq() -> None:
    """List, show, requeue or drop dead letters."""


@app.command()
def ls(
    *,
    topic: TopicOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List open dead letters, newest first."""
    filters = {**_filters(topic, reason, since), "limit": limit}
    answer = _call(find_api(api, data_dir), "GET", "/dlq", params=filters)
    if as_json:
        for letter in answer["letters"]:
            print_json(letter)
        return
    if not answer["letters"]:
        say("no dead letters")
        return
    print_table(
        ("LETTER", "REJECTED", "FROM", "ERROR", "REASON"),
        (
            (
                letter["id"],
                moment_text(letter["rejected_at"]),
                letter["original"] or "",
                letter["error"],
                short(letter["reason"], REASON_WIDTH),
            )
            for letter in answer["letters"]
        ),
    )
    if (more := answer["total"] - len(answer["letters"])) > 0:
        say(f"... and {more:,} more: --limit")
    if answer["left_out"]:
        say(f"{answer['left_out']:,} older ones are in the topics: resolve some of these first")


@app.command()
def show(
    *,
    letter_id: Annotated[str, typer.Argument(metavar="LETTER", help="Such as scrape-dlq/0/17.")],
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show a dead letter with its headers and the beginning of its bytes."""
    found = _call(find_api(api, data_dir), "GET", _path_of(letter_id))
    if as_json:
        print_json(found)
        return
    print_table(
        ("FIELD", "VALUE"),
        (
            (name, json_text(value) if isinstance(value, dict) else plain(value))
            for name, value in found.items()
            if value not in (None, "", {})
        ),
    )


@app.command()
def requeue(
    *,
    ids: IdsArgument = None,
    topic: TopicOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: LimitOption = 100,
    every: AllOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Send dead letters back to the topics that they came from."""
    body = _choice(ids, _filters(topic, reason, since), limit, every=every, dry_run=dry_run)
    _resolve(find_api(api, data_dir), "/dlq/requeue", body, as_json=as_json)


@app.command()
def drop(
    *,
    ids: IdsArgument = None,
    topic: TopicOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: LimitOption = 100,
    every: AllOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Leave dead letters where they are, and out of the list."""
    body = _choice(ids, _filters(topic, reason, since), limit, every=every, dry_run=dry_run)
    _resolve(find_api(api, data_dir), "/dlq/drop", body, as_json=as_json)


def _filters(topic: str | None, reason: str | None, since: str | None) -> dict[str, Any]:
    at = since_moment(since, datetime.now(UTC)) if since else None
    return {
        name: value
        for name, value in (("topic", topic), ("reason", reason), ("since", at))
        if value is not None
    }


def _choice(
    ids: list[str] | None, filters: dict[str, Any], limit: int, *, every: bool, dry_run: bool
) -> Body:
    if not ids and not filters and not every:
        raise CliError("name letters or filters, or say --all", ExitCode.USAGE)
    return {**filters, "ids": ids or [], "limit": limit, "dry_run": dry_run}


def _resolve(address: str, path: str, body: Body, *, as_json: bool) -> None:
    answer = _call(address, "POST", path, json=body)
    failed = [each for each in answer["results"] if each["result"].startswith("failed")]
    if as_json:
        print_json(answer)
    else:
        for each in answer["results"]:
            say(f"{each['result']}  {each['id']}", "red" if each in failed else "")
        if (more := answer["matched"] - len(answer["results"])) > 0:
            say(f"... and {more:,} more: --limit")
        if not answer["matched"]:
            say("no such dead letters")
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _path_of(letter_id: str) -> str:
    parts = letter_id.split("/")
    if len(parts) != 3 or not all(part and part.strip(".") for part in parts):
        raise CliError(f"{letter_id!r} is no id such as scrape-dlq/0/17", ExitCode.USAGE)
    return f"/dlq/{letter_id}"


def _call(address: str, method: str, path: str, **options: Any) -> Body:
    async def call() -> Body:
        async with open_client(address) as client:
            return await client.call(method, path, **options)

    return asyncio.run(call())
