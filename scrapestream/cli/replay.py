"""``scrapestream replay``: rebuild projections from the log, beside the live ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.exits import ExitCode
from scrapestream.cli.output import print_json, print_table, say
from streams.settings import Settings


class Target(StrEnum):
    """A projection, by its name."""

    JOB_EVENTS = "job_events"
    JOBS = "jobs"
    ITEMS = "items"
    WEBHOOK_EVENTS = "webhook_events"
    PLACES = "places"
    PLACE_REVIEWS = "place_reviews"
    PLACE_EVENTS = "place_events"


ProjectionOption = Annotated[
    list[Target] | None,
    typer.Option("--projection", "-p", help="Which one; may be given again. Default: all."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Build and compare, and leave the live tables alone.")
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Say job by job where the live tables differ.")
]


def replay(
    *,
    projection: ProjectionOption = None,
    dry_run: DryRunOption = False,
    compare: CompareOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild projections from the log beside the live ones, then move reads over."""
    settings = find_settings(data_dir)
    wanted = [str(each) for each in projection or Target]
    results = asyncio.run(_replayed(settings, wanted, compare=compare or dry_run, move=not dry_run))
    if as_json:
        print_json({"replays": [asdict(one) for one in results]})
    drifted = [(one.projection, drift) for one in results for drift in one.drift]
    if drifted and not as_json:
        print_table(
            ("PROJECTION", "JOB", "MISSING#", "SURPLUS#"),
            ((name, each.job_id, each.missing, each.surplus) for name, each in drifted),
        )
    for one in results:
        rate = one.records / one.seconds if one.seconds else 0.0
        what = "reads go to it" if one.moved else "the live one stays"
        say(
            f"{one.projection}: {one.records} records, {one.rows} rows in {one.seconds:.1f} s "
            f"({rate:,.0f} records/s); {what}"
        )
    if drifted and dry_run:
        raise typer.Exit(ExitCode.FAILED)


async def _replayed(
    settings: Settings, wanted: Sequence[str], *, compare: bool, move: bool
) -> list[Any]:
    # The drivers load longer than most verbs run.
    from scrapestream.wiring import open_log  # noqa: PLC0415
    from streams.adapters.clickhouse import open_clickhouse  # noqa: PLC0415
    from streams.adapters.kafka_reader import open_reader  # noqa: PLC0415
    from streams.projections.catalogue import all_projections  # noqa: PLC0415
    from streams.replay import Replay  # noqa: PLC0415

    results = []
    for projection in all_projections():
        if projection.name not in wanted:
            continue
        async with (
            open_log(settings, "replay") as log,
            open_reader(settings, "replay") as reader,
            open_clickhouse(settings) as clickhouse,
        ):
            told = partial(_tell, projection.name)
            one = Replay(projection, reader, log.records, clickhouse, told=told)
            results.append(await one.run(compare=compare, move=move))
    return results


def _tell(name: str, done: int, total: int) -> None:
    say(f"{name}: {done:,} of {total:,}")
