"""The materializer: fills ClickHouse from the log, and sees to the replays."""

from __future__ import annotations

import asyncio

from scrapestream.process.replay import begin
from scrapestream.wiring import Readiness, open_log, worker_name
from streams.adapters.clickhouse import open_clickhouse
from streams.materializer import Materializer
from streams.replay_board import Replays
from streams.replay_runner import ReplayRunner
from streams.role_server import role_server
from streams.settings import Settings


async def run(settings: Settings) -> None:
    """Run until cancelled."""
    readiness = Readiness()
    async with (
        open_log(settings, "materializer") as parts,
        open_clickhouse(settings) as clickhouse,
        role_server(settings.metrics_port, readiness.is_ready, readiness.registry),
    ):
        materializer = Materializer(settings, clickhouse, parts.records, parts.event_log)
        replays = ReplayRunner(
            settings,
            parts.event_log,
            lambda: Replays(parts.records.learn, parts.records.read_replay),
            begin,
            name=worker_name(settings),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(materializer.run(readiness.event), name="materializer")
            group.create_task(replays.run(), name="replays")
