"""``events --at``, ``--diff`` and ``--verify``: a job at points of its history."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from scrapestream.cli.address import find_settings
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.cli.text import json_text, plain, short
from streams.settings import Settings

VALUE_WIDTH = 80
_SPAN = re.compile(r"(?P<old>.*?)\.\.(?P<new>.*)")


def show_at(address: str, job_id: str, at: str, *, as_json: bool) -> None:
    """Print the job as it stood at event or time ``at``."""

    async def read() -> Body:
        async with open_client(address) as client:
            return await client.read_job_at(job_id, at)

    found = asyncio.run(read())
    if as_json:
        print_json(found)
        return
    place = found.pop("at")
    say(f"after event {_place(place)}")
    print_table(
        ("FIELD", "VALUE"),
        ((name, _text(value)) for name, value in found.items() if value not in (None, "", {})),
    )


def show_diff(address: str, job_id: str, span: str, *, as_json: bool) -> None:
    """Print what changed between the points ``N..M``; either may be left out."""
    match = _SPAN.fullmatch(span)
    if match is None:
        raise CliError(
            f"{span!r} is no span such as 3..9, 3.. or 2026-11-22T12:00:00Z..", ExitCode.USAGE
        )

    async def read() -> Body:
        async with open_client(address) as client:
            return await client.read_diff(job_id, match["old"], match["new"])

    found = asyncio.run(read())
    if as_json:
        print_json(found)
        return
    say(f"from event {_place(found['from'])} to event {_place(found['to'])}")
    for event in found["events"]:
        say(f"  {event['seq']}  {event['type']}")
    if not found["changes"]:
        say("nothing changed")
        return
    print_table(
        ("FIELD", "OLD", "NEW"),
        (
            (change["field"], _text(change["old"]), _text(change["new"]))
            for change in found["changes"]
        ),
    )


def check(job_id: str, data_dir: Path | None, *, as_json: bool) -> ExitCode:
    """Compare the log with ClickHouse, and print what differs."""
    comparison = asyncio.run(_compared(find_settings(data_dir), job_id))
    differences = [
        {"where": one.where, "log": one.log, "store": one.store} for one in comparison.differences
    ]
    if as_json:
        counts = {"events": comparison.events_count, "fields": comparison.fields_count}
        print_json({"job_id": job_id, **counts, "differences": plain_json(differences)})
    elif differences:
        print_table(
            ("WHERE", "LOG", "CLICKHOUSE"),
            ((one["where"], _text(one["log"]), _text(one["store"])) for one in differences),
        )
    counted = f"{comparison.events_count} events, {comparison.fields_count} fields"
    if differences:
        say(f"{len(differences)} differ, of {counted}: log and ClickHouse disagree", "red")
        return ExitCode.FAILED
    say(f"ok  {counted}: the fold of the log is what ClickHouse has", "green")
    return ExitCode.OK


async def _compared(settings: Settings, job_id: str) -> Any:
    # The drivers load longer than most verbs run.
    from scrapestream.wiring import open_log  # noqa: PLC0415
    from streams.adapters.clickhouse import open_clickhouse  # noqa: PLC0415
    from streams.adapters.kafka_reader import open_reader  # noqa: PLC0415
    from streams.domain.ids import JobId  # noqa: PLC0415
    from streams.verification import verify  # noqa: PLC0415

    async with (
        open_log(settings, "verify") as log,
        open_clickhouse(settings) as clickhouse,
        open_reader(settings, "verify") as reader,
    ):
        return await verify(JobId(job_id), reader, log.records, clickhouse)


def _place(place: Body) -> str:
    return f"{place['event']} ({place['type']}, {place['occurred_at']})"


def _text(value: object) -> str:
    return short(value_text(value), VALUE_WIDTH)


def value_text(value: object) -> str:
    """A value of the API in a cell: objects as JSON, nothing as a dash."""
    if isinstance(value, dict | list):
        return json_text(plain_json(value))
    return "-" if value is None else plain(value)


def plain_json(value: Any) -> Any:
    """``value`` with nothing in it that JSON does not know: times as text."""
    match value:
        case dict():
            return {str(name): plain_json(each) for name, each in value.items()}
        case list() | tuple():
            return [plain_json(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)
