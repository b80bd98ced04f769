"""The materializer: fills ClickHouse from the log."""

from __future__ import annotations

from scrapestream.wiring import Readiness, open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_migrations import Migrator
from streams.materializer import Materializer
from streams.role_server import role_server
from streams.settings import Settings


async def run(settings: Settings) -> None:
    """Run until cancelled.

    Raises:
        NewerStoreError: a later release has set the store up.
        TopicReplacedError: a topic is not the one that the store was filled from.
    """
    readiness = Readiness()
    async with (
        open_log(settings, "materializer") as parts,
        open_clickhouse(settings) as clickhouse,
        role_server(settings.metrics_port, readiness.is_ready, readiness.registry),
    ):
        await Migrator(clickhouse, settings.store_retention_days).pending()  # not a later release's
        materializer = Materializer(settings, clickhouse, parts.records, parts.event_log)
        await materializer.run(readiness.event)
