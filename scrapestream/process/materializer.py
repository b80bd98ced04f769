"""The materializer: fills ClickHouse from the log, stores results as files, sees to replays."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from scrapestream.process.replay import begin
from scrapestream.wiring import LogParts, Readiness, open_log, worker_name
from streams.adapters.blobs import open_result_files
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_migrations import Migrator
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_group import open_group_reader
from streams.errors import UnavailableError
from streams.materializer import GROUP, Materializer
from streams.ports import ResultFiles
from streams.replay_board import Replays
from streams.replay_runner import ReplayRunner
from streams.results_agent import GROUP as RESULTS_GROUP
from streams.results_agent import ResultsAgent, ResultsMetrics, ResultsParts
from streams.role_server import role_server
from streams.settings import Settings
from streams.topics import JOB_EVENTS

log = logging.getLogger(__name__)

AGAIN_S = 5.0


async def run(settings: Settings) -> None:
    """Run until cancelled.

    Raises:
        NewerStoreError: a later release has set the store up.
        TopicReplacedError: a topic is not the one that the store was filled from.
    """
    readiness = Readiness()
    files = open_result_files(settings)
    async with (
        open_log(settings, "materializer") as parts,
        open_clickhouse(settings) as clickhouse,
        role_server(settings.metrics_port, readiness.is_ready, readiness.registry),
    ):
        await Migrator(clickhouse, settings.store_retention_days).pending()  # not a later release's
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
            if files is not None:
                metrics = ResultsMetrics(readiness.registry)
                group.create_task(_file(settings, parts, clickhouse, files, metrics), name="files")


async def _file(
    settings: Settings,
    log_parts: LogParts,
    clickhouse: ClickHouse,
    files: ResultFiles,
    metrics: ResultsMetrics,
) -> None:
    """Store files until cancelled: whatever happens to them, the store goes on being filled."""
    while True:
        try:
            async with (
                open_group_reader(
                    settings,
                    [JOB_EVENTS],
                    group=RESULTS_GROUP,
                    client_id="results",
                    is_patient=True,
                ) as reader,
                open_admin(settings, "results") as admin,
            ):
                agent = ResultsAgent(
                    ResultsParts(
                        reader=reader,
                        learn=log_parts.records.learn,
                        read_event=log_parts.records.read_event,
                        event_log=log_parts.event_log,
                        store=ClickHouseStore(clickhouse),
                        files=files,
                        committed=partial(admin.committed, GROUP),
                        days=settings.results_days,
                        metrics=metrics,
                    )
                )
                async with asyncio.TaskGroup() as group:
                    group.create_task(agent.run())
                    group.create_task(agent.sweep())
        except UnavailableError as error:
            log.warning("results wait", extra={"reason": str(error)})
        except Exception:
            log.exception("storing results as files begins anew")
        await asyncio.sleep(AGAIN_S)
