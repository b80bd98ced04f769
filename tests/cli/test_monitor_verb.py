"""``monitor``: what it asks the API, and how it shows the answer."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from scrapestream.cli.app import app
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.monitor import options_in
from streams.domain.monitor_events import MonitorFired, new_monitor_event
from tests.api.job_events import BEGAN, PLACE
from tests.api.world import open_world


def test_options_are_names_and_values() -> None:
    assert options_in(["sort=newest", "language=de", "since=a=b"]) == {
        "sort": "newest",
        "language": "de",
        "since": "a=b",
    }


@pytest.mark.parametrize("text", ["newest", "=newest", ""])
def test_what_is_no_option_is_refused(text: str) -> None:
    with pytest.raises(CliError):
        options_in([text])


def test_a_monitor_needs_a_period() -> None:
    result = CliRunner().invoke(app, ["monitor", "add", "https://example.com/"])
    assert result.exit_code == ExitCode.USAGE
    assert "--every" in result.output


async def test_a_monitor_from_its_beginning_to_its_end() -> None:
    async with open_world() as world:
        process = await world.serve()

        async def run(*arguments: str) -> Result:
            command = ["monitor", *arguments, "--api", process.base_url]
            return await asyncio.to_thread(CliRunner().invoke, app, command)

        assert "monitor add" in (await run("ls")).stderr
        added = await run("add", PLACE, "--every", "6h", "--name", "x", "--option", "language=de")
        assert added.exit_code == 0, added.output
        monitor_id = added.stdout.strip()
        assert "every 6h" in added.stderr

        event = MonitorFired(due_at=BEGAN, job_id="a" * 32, full=True)
        await world.log.append_monitor(new_monitor_event(monitor_id, "public", event, BEGAN))
        row = (await run("ls")).stdout.splitlines()[1].split()
        assert row[:3] == [monitor_id, "active", "6h"]
        assert row[-2:] == ["x", PLACE]
        shown = (await run("show", monitor_id)).stdout
        assert "language" in shown
        assert shown.splitlines()[-1].split() == [
            *("a" * 32, "2026-11-22", "12:00:00", "schedule", "yes")
        ]

        assert (await run("pause", monitor_id)).stderr.strip() == "paused"
        assert "next run 20" in (await run("resume", monitor_id)).stderr
        paused = json.loads((await run("pause", monitor_id, "--json")).stdout)
        assert paused["status"] == "paused"
        assert (await run("rm", monitor_id)).exit_code == 0
        assert (await run("show", monitor_id)).exit_code == ExitCode.NOT_FOUND
        refused = await run("add", PLACE, "--every", "often")
        assert (refused.exit_code, "such as 6h" in refused.stderr) == (ExitCode.USAGE, True)
