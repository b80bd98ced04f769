"""What carries erasures out, made from the settings: for the command, and for the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scrapestream.wiring import LogParts, open_broker_view
from streams.adapters.blobs import open_result_files
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.erasing import Eraser
from streams.erasure_orders import ErasureOrders
from streams.materializer import GROUP
from streams.personal_results import PersonalResults
from streams.settings import Settings


@asynccontextmanager
async def open_erasure_orders(settings: Settings, log: LogParts) -> AsyncIterator[ErasureOrders]:
    """Connections of their own beside the log: what they wait for delays nobody else."""
    async with (
        open_clickhouse(settings) as clickhouse,
        open_broker_view(settings, "forget") as broker,
    ):
        files = PersonalResults(ClickHouseStore(clickhouse), open_result_files(settings))
        eraser = Eraser(clickhouse, broker, log.event_log, log.erasures, group=GROUP, files=[files])
        yield ErasureOrders(clickhouse, eraser)
