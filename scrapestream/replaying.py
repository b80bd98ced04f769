"""Opens what one replay needs, and runs it."""

from __future__ import annotations

from functools import partial

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_copy import open_copier
from streams.adapters.kafka_reader import open_reader
from streams.domain.log_part import LogPart
from streams.domain.pace import Pace
from streams.materializer import GROUP
from streams.mending import Mending
from streams.projections.projection import Projection
from streams.replay import Phase, Replay, Replayed, Told
from streams.settings import Settings
from streams.stored_progress import StoredProgress
from streams.topic_replay import TopicReplay, TopicReplayed, check_target, prepare_target

CLIENT = "replay"


async def replay_projection(
    settings: Settings,
    projection: Projection,
    part: LogPart,
    *,
    compare: bool,
    change: bool,
    told: Told = lambda _done, _total: None,
    phase: Phase = lambda _: None,
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
        phase: hears what begins.
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
        progress = StoredProgress(clickhouse, partial(admin.committed, GROUP))
        if part.is_whole:
            rebuild = Replay(
                projection,
                reader,
                log.records,
                clickhouse,
                progress=progress,
                told=told,
                phase=phase,
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
            phase=phase,
            name=name,
        )
        return await mending.run(mend=change)


async def replay_into_topic(
    settings: Settings,
    part: LogPart,
    pace: Pace,
    result: TopicReplayed,
    *,
    told: Told = lambda _done, _total: None,
) -> TopicReplayed:
    """Copy a part of ``result.source`` into the fresh topic ``result.topic``.

    ``result`` is kept up to date, also when this is cancelled.

    Raises:
        InvalidRequestError: the topic is one of the system, or is not empty.
        UnavailableError: Kafka is away; the topic is not whole.
    """
    check_target(result.topic)
    async with open_log(settings, CLIENT) as log, open_reader(settings, CLIENT) as reader:
        erasures = log.erasures.erasures
        partitions = len(await reader.ends(result.source))
        async with open_admin(settings, CLIENT) as admin:
            await prepare_target(admin, reader, result.topic, partitions)
        async with open_copier(settings, CLIENT, result.topic, partitions=partitions) as copier:
            replay = TopicReplay(
                part, pace, reader, copier, result, told=told, is_forgotten=erasures.hides_record
            )
            return await replay.run()
