"""``worker``: run one, list all, take one out of service."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.output import print_json, print_table, say

MB = 2**20

app = typer.Typer(
    no_args_is_help=False,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def worker(context: typer.Context) -> None:
    """Run a scraper worker; list all, drain one."""
    if context.invoked_subcommand is None:
        from scrapestream.cli.roles import worker as run  # noqa: PLC0415 - loads browser drivers

        run()


@app.command("ls")
def list_workers(
    *, as_json: JsonOption = False, api: ApiOption = None, data_dir: DataDirOption = None
) -> None:
    """List the workers: slots, jobs, when they were heard."""
    address = find_api(api, data_dir)

    async def read() -> list[Body]:
        async with open_client(address) as client:
            return await client.find_workers()

    found = asyncio.run(read())
    if as_json:
        for each in found:
            print_json(each)
        return
    if not found:
        say("no worker was heard lately; start one: scrapestream worker")
        return
    print_table(
        ("WORKER", "HOST", "STATUS", "SLOTS#", "JOBS#", "MB#", "HEARD#", "VERSION", "KINDS"),
        (
            (
                each["id"],
                each["host"],
                each["status"],
                str(each["slots"]),
                str(len(each["jobs"])),
                str((each.get("memory_bytes") or 0) // MB or ""),
                f"{each['silent_s']:.0f} s",
                each.get("version") or "",
                ",".join(each["kinds"]),
            )
            for each in found
        ),
    )


@app.command()
def drain(
    *,
    name: Annotated[str, typer.Argument(metavar="WORKER", help="Id of the worker.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it take jobs again.")] = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Let a worker finish what it has, and take no more jobs until it starts again."""
    address = find_api(api, data_dir)

    async def ask() -> Body:
        async with open_client(address) as client:
            return await client.drain(name, undo=undo)

    answer = asyncio.run(ask())
    if as_json:
        print_json(answer)
    elif undo:
        say(f"{name} takes jobs again")
    else:
        say(f"{name} takes no more jobs; see: scrapestream worker ls")
