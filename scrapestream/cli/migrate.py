"""``scrapestream migrate``: ClickHouse as this release needs it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Annotated

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.output import print_json, print_table, say
from streams.settings import Settings


def migrate(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be run, and run nothing.")
    ] = False,
    new_log: Annotated[
        bool,
        typer.Option(
            "--new-log",
            help="Set the present tables aside and begin with empty ones: the topics were made "
            "anew. Stop the materializer before.",
        ),
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring ClickHouse to what this release needs."""
    if dry_run and new_log:
        raise typer.BadParameter("--new-log has no --dry-run")
    settings = find_settings(data_dir)
    steps, aside = asyncio.run(_migrated(settings, dry_run=dry_run, new_log=new_log))
    if as_json:
        found = [{"number": number, "name": name} for number, name in steps]
        print_json({"migrations": found, "applied": not dry_run, "set_aside": list(aside)})
        return
    if steps:
        print_table(("NUMBER#", "MIGRATION"), steps)
    for table in aside:
        say(f"set aside: {table}")
    what = "would be run" if dry_run else "run"
    say(f"{len(steps)} migrations {what}" if steps else "nothing to do")


async def _migrated(
    settings: Settings, *, dry_run: bool, new_log: bool
) -> tuple[list[tuple[int, str]], Sequence[str]]:
    # The drivers load longer than most verbs run.
    from streams.adapters.clickhouse import open_clickhouse  # noqa: PLC0415
    from streams.adapters.clickhouse_migrations import Migrator  # noqa: PLC0415

    async with open_clickhouse(settings) as clickhouse:
        migrator = Migrator(clickhouse, settings.store_retention_days)
        steps = await (migrator.pending() if dry_run else migrator.apply())
        aside = await migrator.set_aside(uuid.uuid4().hex[:8]) if new_log else ()
    return [(step.number, step.name) for step in steps], aside
