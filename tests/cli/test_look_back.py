"""``events --at`` and ``--diff``, against the real API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scrapestream.cli.address import find_settings
from scrapestream.cli.app import app
from scrapestream.cli.exits import CliError, ExitCode
from tests.api.world import NOBODY, World, open_world

Invoke = Callable[..., Awaitable[Result]]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


async def serving(world: World) -> tuple[Invoke, str]:
    """The command, run against a server that has one finished job; and the job's id."""
    process = await world.serve()
    job_id = await world.run_job(process, steps=2)

    async def invoke(*arguments: str) -> Result:
        asked = [*arguments, "--api", process.base_url]
        return await asyncio.to_thread(CliRunner().invoke, app, asked)

    return invoke, job_id


async def test_a_job_is_shown_as_it_stood_after_an_event(world: World) -> None:
    invoke, job_id = await serving(world)
    table = await invoke("events", job_id, "--at", "5")
    assert table.exit_code == 0, table.output
    assert "after event 5 (ProgressReported" in table.stderr
    fields = dict(line.rstrip().split(maxsplit=1) for line in table.stdout.splitlines()[1:])
    assert (fields["status"], fields["reviews_count"]) == ("processing", "10")
    shown = json.loads((await invoke("events", job_id, "--at", "5", "--json")).stdout)
    assert (shown["reviews_count"], shown["at"]["event"]) == (10, 5)


async def test_the_difference_between_two_points_is_a_table(world: World) -> None:
    invoke, job_id = await serving(world)
    table = await invoke("events", job_id, "--diff", "5..6")
    rows = [line.split() for line in table.stdout.splitlines()]
    assert ["reviews_count", "10", "20"] in rows
    assert "6  ProgressReported" in table.stderr
    whole = json.loads((await invoke("events", job_id, "--diff", "..", "--json")).stdout)
    assert (whole["from"]["event"], whole["to"]["event"]) == (1, 8)
    assert "nothing changed" in (await invoke("events", job_id, "--diff", "3..3")).stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("--at", "99"), ExitCode.NOT_FOUND, "newest event is number 8"),
        (("--at", "0"), ExitCode.NOT_FOUND, "first event is number 1"),
        (("--at", "soon"), ExitCode.USAGE, "neither the number of an event"),
        (("--diff", "3"), ExitCode.USAGE, "no span such as 3..9"),
        (("--at", "3", "--diff", "1..2"), ExitCode.USAGE, "exclude each other"),
    ],
)
async def test_a_point_that_is_none_is_explained(
    world: World, arguments: tuple[str, ...], exit_code: ExitCode, message: str
) -> None:
    invoke, job_id = await serving(world)
    result = await invoke("events", job_id, *arguments)
    assert result.exit_code == exit_code
    assert message in result.stderr


async def test_a_job_that_is_none_is_not_found(world: World) -> None:
    invoke, _ = await serving(world)
    for option, value in (("--at", "1"), ("--diff", "1..2")):
        assert (await invoke("events", NOBODY, option, value)).exit_code == ExitCode.NOT_FOUND


def test_parts_are_found_where_they_were_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name in ("KAFKA", "REGISTRY", "CLICKHOUSE"):
        monkeypatch.delenv(f"SCRAPESTREAM_{name}_URL", raising=False)
    assert find_settings(None).kafka_url == "kafka://127.0.0.1:9092"

    default = tmp_path / "scrapestream"
    default.mkdir()
    (default / "addresses.json").write_text('{"kafka": "kafka://127.0.0.1:1", "registry": null}')
    found = find_settings(None)
    assert (found.kafka_url, found.registry_url) == ("kafka://127.0.0.1:1", "http://127.0.0.1:8081")

    monkeypatch.setenv("SCRAPESTREAM_KAFKA_URL", "kafka://broker:2")
    assert find_settings(None).kafka_url == "kafka://broker:2"
    assert find_settings(default).kafka_url == "kafka://127.0.0.1:1"
    with pytest.raises(CliError, match="no stack runs"):
        find_settings(tmp_path)
