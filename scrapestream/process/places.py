"""The place agent: keeps the history of places."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from scrapestream.wiring import Readiness, open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_places import ClickHousePlaces
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import KafkaReader, open_group_reader, open_reader
from streams.agents.insist import insisting
from streams.agents.places import PlaceHistory, PlaceParts
from streams.agents.reading import Reading
from streams.errors import LogUnavailableError
from streams.materializer import GROUP as STORING_GROUP
from streams.ports import RawRecord, TopicPartition
from streams.role_server import role_server
from streams.settings import Settings
from streams.topics import JOB_EVENTS, PLACE_EVENTS

log = logging.getLogger(__name__)

GROUP = "places"
"""The consumer group: never change it."""
ENDINGS = frozenset(
    f"scrapestream.job.{name}".encode()
    for name in ("ScrapeCompleted", "ScrapeFailed", "ScrapeCancelled")
)
SCRAPES = frozenset({b"scrapestream.place.PlaceScraped"})
WANTED: Mapping[str, frozenset[bytes]] = {JOB_EVENTS: ENDINGS, PLACE_EVENTS: SCRAPES}
"""By topic, the types of records that are looked at; most are none, and are not even decoded."""


async def run(settings: Settings) -> None:
    """Run until cancelled."""
    readiness = Readiness()
    async with (
        open_log(settings, "places") as log_parts,
        open_reader(settings, "places-progress", marks=STORING_GROUP) as progress,
        open_clickhouse(settings) as clickhouse,
        role_server(settings.metrics_port, readiness.is_ready, readiness.registry),
    ):
        store, records = ClickHouseStore(clickhouse), log_parts.records

        async def end_of(partition: int) -> int:
            return (await progress.ends(PLACE_EVENTS)).get(partition, 0)

        async def is_stored(topic: str, partition: int, end: int) -> bool:
            # What the store's own group has committed counts records that were put aside, too;
            # the table itself counts when a commit was lost.
            committed = await progress.committed((topic, partition))
            if committed is not None and committed >= end:
                return True
            return (await store.stored_ends(topic)).get(partition, 0) >= end

        history = PlaceHistory(
            PlaceParts(
                log=log_parts.event_log,
                store=store,
                places=ClickHousePlaces(clickhouse),
                end_of=end_of,
                is_stored=is_stored,
            )
        )

        async def react(raw: RawRecord) -> None:
            if raw.topic == JOB_EVENTS:
                await history.end_job(records.read_event(raw))
            else:
                await history.compare(records.read_place_event(raw))

        reading = Reading(insisting(records.learn, react), WANTED, moved=history.forget)

        async def begin(_partitions: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
            reading.begin()
            readiness.event.set()
            return {}  # where each one was committed

        async with open_group_reader(
            settings,
            tuple(WANTED),
            group=GROUP,
            client_id="places",
            on_assigned=begin,
            on_revoked=reading.let_go,
            instance_id=settings.instance_id,
        ) as reader:
            await _read_on(reader, reading)


async def _read_on(reader: KafkaReader, reading: Reading) -> None:
    while True:
        try:
            raws = await reader.read(timeout_s=1.0, most=1_000)
            done = await reading.handle(raws, reader.assigned)
            if done and not await reader.commit(done):
                log.warning("partitions moved before the commit; their records come again")
        except LogUnavailableError:
            log.warning("kafka does not answer; going on")
