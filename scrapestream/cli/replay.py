"""``scrapestream replay``: rebuild projections from the log, or copy events to a fresh topic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.cli.replay_topic import replay_to_topic
from scrapestream.cli.times import since_moment
from streams.domain.log_part import LogPart
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


class Source(StrEnum):
    """A topic that can be replayed into another one."""

    JOB_EVENTS = "job-events"
    SCRAPED_ITEMS = "scraped-items"
    WEBHOOK_EVENTS = "webhook-events"


ProjectionOption = Annotated[
    list[Target] | None,
    typer.Option("--projection", "-p", help="Which one; may be given again. Default: all."),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Only what was written then or later, such as 2026-11-22T12:00Z, or 90m for ago.",
    ),
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Only what was written before.")
]
JobOption = Annotated[
    list[str] | None,
    typer.Option("--job", metavar="ID", help="Only this job; may be given again."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Build and compare, and leave the live tables alone.")
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Say job by job where the live tables differ.")
]
IntoTopicOption = Annotated[
    str | None,
    typer.Option(
        "--into-topic", metavar="NAME", help="Copy events to this fresh topic; fill no table."
    ),
]
SourceOption = Annotated[
    Source, typer.Option("--source", help="The topic that --into-topic copies from.")
]
SpeedOption = Annotated[
    str, typer.Option("--speed", help="Of --into-topic: 1x, 10x, ..., or max for no pauses.")
]


def replay(
    *,
    projection: ProjectionOption = None,
    since: FromOption = None,
    before: ToOption = None,
    job: JobOption = None,
    dry_run: DryRunOption = False,
    compare: CompareOption = False,
    into_topic: IntoTopicOption = None,
    source: SourceOption = Source.JOB_EVENTS,
    speed: SpeedOption = "max",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild projections from the log beside the live ones, then move reads over."""
    part = part_in(since, before, job or (), datetime.now(UTC))
    settings = find_settings(data_dir)
    if into_topic is not None:
        if projection or dry_run or compare:
            raise CliError(
                "--into-topic fills no table: leave out --projection, --dry-run and --compare",
                ExitCode.USAGE,
            )
        replay_to_topic(settings, part, str(source), into_topic, speed, as_json=as_json)
        return
    wanted = [str(each) for each in projection or Target]
    results = asyncio.run(
        _replayed(settings, wanted, part, compare=compare or dry_run, change=not dry_run)
    )
    if as_json:
        print_json({"replays": [asdict(one) for one in results]})
    drifted = [(one.projection, drift) for one in results for drift in one.drift]
    if drifted and not as_json and (compare or dry_run):
        print_table(
            ("PROJECTION", "JOB", "MISSING#", "SURPLUS#"),
            ((name, each.job_id, each.missing, each.surplus) for name, each in drifted),
        )
    for one in results:
        say(_told(one, part, dry_run=dry_run))
    if drifted and dry_run:
        raise typer.Exit(ExitCode.FAILED)


def part_in(
    since: str | None, before: str | None, job_ids: Sequence[str], now: datetime
) -> LogPart:
    """The part of the log that was asked for.

    Raises:
        CliError: a time cannot be read, or nothing can be meant by it.
    """
    moments = [
        None if text is None else datetime.fromisoformat(since_moment(text, now))
        for text in (since, before)
    ]
    part = LogPart(since=moments[0], before=moments[1], job_ids=tuple(dict.fromkeys(job_ids)))
    if fault := part.fault():
        raise CliError(fault, ExitCode.USAGE)
    return part


def _told(one: Any, part: LogPart, *, dry_run: bool) -> str:
    rate = one.records / one.seconds if one.seconds else 0.0
    if part.is_whole:
        what = "reads go to it" if one.moved else "the live one stays"
    elif dry_run:
        what = "the live one stays"
    else:
        what = f"{one.inserted} rows put in, {one.removed} taken out"
    if one.not_stored_yet:
        what += f"; {one.not_stored_yet} records wait for the materializer, and were left to it"
    return (
        f"{one.projection}: {one.records} records of {one.jobs} jobs, {one.rows} rows in "
        f"{one.seconds:.1f} s ({rate:,.0f} records/s); {what}"
    )


async def _replayed(
    settings: Settings, wanted: Sequence[str], part: LogPart, *, compare: bool, change: bool
) -> list[Any]:
    # The drivers load longer than most verbs run.
    from scrapestream.replaying import replay_projection  # noqa: PLC0415
    from streams.projections.catalogue import all_projections  # noqa: PLC0415

    return [
        await replay_projection(
            settings,
            projection,
            part,
            compare=compare,
            change=change,
            told=partial(_tell, projection.name),
        )
        for projection in all_projections()
        if projection.name in wanted
    ]


def _tell(name: str, done: int, total: int) -> None:
    say(f"{name}: {done:,} of {total:,}")
