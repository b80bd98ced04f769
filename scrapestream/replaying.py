"""Opens what one replay needs, and runs it."""

from __future__ import annotations

from functools import partial

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_reader import open_reader
from streams.domain.log_part import LogPart
from streams.materializer import GROUP
from streams.mending import Mending
from streams.projections.projection import Projection
from streams.replay import Replay, Replayed, Told
from streams.settings import Settings
from streams.stored_progress import StoredProgress

CLIENT = "replay"


async def replay_projection(
    settings: Settings,
    projection: Projection,
    part: LogPart,
    *,
    compare: bool,
    change: bool,
    told: Told = lambda _done, _total: None,
    name: str = "",
) -> Replayed:
    """Rebuild a projection, or compare and mend the rows of a part of the log.

    Args:
        settings: where the parts are.
        projection: which one.
        part: of the log; the whole of it rebuilds the table beside the live one.
        compare: whether drift is told; for a part it always is.
        change: whether the live table changes.
        told: hears (records done, records in all) from time to time.
        name: of the table beside, the same for a replay that is begun again.

    Raises:
        UnavailableError, RegistryError: it did not end; replay again.
    """
    async with (
        open_log(settings, CLIENT) as log,
        open_reader(settings, CLIENT) as reader,
        open_admin(settings, CLIENT) as admin,
        open_clickhouse(settings) as clickhouse,
    ):
        progress = StoredProgress(
            ClickHouseStore(clickhouse).stored_ends, partial(admin.committed, GROUP)
        )
        if part.is_whole:
            rebuild = Replay(
                projection,
                reader,
                log.records,
                clickhouse,
                progress=progress,
                told=told,
                name=name,
            )
            return await rebuild.run(compare=compare, move=change)
        mending = Mending(
            projection,
            part,
            reader,
            log.records,
            clickhouse,
            progress=progress,
            told=told,
            name=name,
        )
        return await mending.run(mend=change)
