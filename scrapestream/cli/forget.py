"""``scrapestream forget``: erase a job, a place or an author, and prove it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, print_table, say
from streams.settings import Settings

JobOption = Annotated[str | None, typer.Option("--job", metavar="JOB", help="A job's id.")]
PlaceOption = Annotated[
    str | None,
    typer.Option("--place", metavar="URL|ID", help="A place: its URL, feature id or place id."),
]
AuthorOption = Annotated[
    str | None,
    typer.Option("--author", metavar="ID|URL", help="An author: their id, or their page."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Count, and leave all as it is.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it: nothing brings it back.")]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Carry out what was asked for and is not proved yet.")
]


def forget(
    *,
    job: JobOption = None,
    place: PlaceOption = None,
    author: AuthorOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    resume: ResumeOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a job, a place or an author everywhere, and prove it by a search."""
    named = {
        kind: text
        for kind, text in (("job", job), ("place", place), ("author", author))
        if text is not None
    }
    if len(named) + resume != 1:
        raise CliError("name one of --job, --place, --author; or --resume", ExitCode.USAGE)
    if not (dry_run or yes or resume):
        raise CliError(
            "nothing brings it back: look with --dry-run, then say --yes", ExitCode.USAGE
        )
    settings = find_settings(data_dir)
    if resume:
        results = asyncio.run(_resumed(settings))
    else:
        [(kind, text)] = named.items()
        if dry_run:
            _show_plan(asyncio.run(_looked_at(settings, kind, text)), as_json=as_json)
            return
        results = asyncio.run(_forgotten(settings, kind, text))
    if as_json:
        print_json({"erasures": [_payload(each) for each in results]})
    elif not results:
        say("nothing is left to be done")
    for each in results:
        _show(each, as_json=as_json)
    if not all(each.is_proved for each in results):
        raise typer.Exit(ExitCode.FAILED)


def _show_plan(preview: Any, *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": preview.jobs, "open_jobs": preview.open_jobs, "rows": preview.rows})
        return
    print_table(("WHERE", "ROWS#"), preview.rows.items())
    say(f"{preview.jobs} jobs, {sum(preview.rows.values())} rows would be erased")
    if preview.open_jobs:
        say(f"{preview.open_jobs} of the jobs are not over: cancel them first", "red")


def _show(erased: Any, *, as_json: bool) -> None:
    places = sorted({*erased.removed, *erased.remaining})
    if not as_json:
        print_table(
            ("WHERE", "ERASED#", "STILL FOUND#"),
            ((place, erased.removed[place], erased.remaining[place]) for place in places),
        )
    looked = f"{erased.needles} texts looked for in {len(places)} places"
    if erased.is_proved:
        say(f"ok  {erased.removed.total()} erased; {looked}, none found", "green")
    else:
        say(f"{erased.remaining.total()} still found; {looked}", "red")


def _payload(erased: Any) -> Mapping[str, Any]:
    return {
        "erasure_id": erased.erasure_id,
        "jobs": erased.jobs,
        "removed": dict(erased.removed),
        "remaining": dict(erased.remaining),
        "needles": erased.needles,
        "is_proved": erased.is_proved,
    }


async def _looked_at(settings: Settings, kind: str, text: str) -> Any:
    from streams.domain.erasure import Subject  # noqa: PLC0415

    async with _orders(settings) as orders:
        return await orders.preview(Subject(kind), text)


async def _forgotten(settings: Settings, kind: str, text: str) -> list[Any]:
    from streams.domain.erasure import Subject  # noqa: PLC0415

    async with _orders(settings) as orders:
        erasure_id = await orders.request(Subject(kind), text)
        return [await orders.carry_out(erasure_id, text)]


async def _resumed(settings: Settings) -> list[Any]:
    async with _orders(settings) as orders:
        return [await orders.carry_out(erasure_id) for erasure_id in orders.eraser.open_ids()]


@asynccontextmanager
async def _orders(settings: Settings) -> AsyncIterator[Any]:
    # The drivers load longer than most verbs run.
    from scrapestream.erasing import open_erasure_orders  # noqa: PLC0415
    from scrapestream.wiring import open_log  # noqa: PLC0415

    async with (
        open_log(settings, "forget") as log,
        open_erasure_orders(settings, log) as orders,
    ):
        yield orders
