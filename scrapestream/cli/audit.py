"""``scrapestream audit``: hold the whole store against the whole log."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.exits import ExitCode
from scrapestream.cli.output import print_json, print_table, say
from streams.settings import Settings

SettledOption = Annotated[
    float,
    typer.Option("--settled", min=0, help="Seconds that a job's webhook may take to be scheduled."),
]


def audit(
    *, settled: SettledOption = 60.0, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Hold ClickHouse against the log: every event, job, item, webhook and place event, once."""
    findings = asyncio.run(_findings(find_settings(data_dir), settled))
    if as_json:
        print_json(asdict(findings))
    elif findings.violations:
        print_table(
            ("RULE", "WHERE", "WHAT"),
            ((one.rule, one.subject, one.detail) for one in findings.violations),
        )
    looked_at = (
        f"{findings.jobs} jobs ({findings.ended} ended), {findings.events} events, "
        f"{findings.items} items, {findings.place_events} place events"
    )
    if findings.violations_count:
        say(f"{findings.violations_count} violations in {looked_at}", "red")
        raise typer.Exit(ExitCode.FAILED)
    say(f"ok  {looked_at}: ClickHouse is what the log says", "green")


async def _findings(settings: Settings, settled_s: float) -> Any:
    # The drivers load longer than most verbs run.
    from scrapestream.wiring import open_log  # noqa: PLC0415
    from streams.adapters.clickhouse import open_clickhouse  # noqa: PLC0415
    from streams.adapters.kafka_reader import open_reader  # noqa: PLC0415
    from streams.audit import Audit  # noqa: PLC0415

    async with (
        open_log(settings, "audit") as log,
        open_reader(settings, "audit") as reader,
        open_clickhouse(settings) as clickhouse,
    ):
        return await Audit(reader, log.records, clickhouse, settled_s=settled_s).run()
