"""The place agent: keeps the history of places."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiokafka.errors import IllegalStateError

from scrapestream.wiring import Readiness, open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_places import ClickHousePlaces
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_group import open_group_reader
from streams.adapters.kafka_reader import KafkaReader, open_reader
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
MOST_WAITING = 5_000  # handled in minutes, within the time that a group waits for a poll
SESSION_S = 6.0  # the least that brokers allow: after a kill, changes wait for it
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

        reading = Reading(
            insisting(records.learn, react), WANTED, moved=history.forget, order=in_order
        )

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
            session_s=SESSION_S,
            is_patient=True,
            instance_id=settings.instance_id,
        ) as reader:
            await _read_on(reader, reading, progress)


async def _read_on(reader: KafkaReader, reading: Reading, progress: KafkaReader) -> None:
    ordered_life = -1
    while True:
        try:
            reading.take(await reader.read(timeout_s=1.0, most=1_000))
            if ordered_life != reading.life:
                life = reading.life
                await _take_past(reader, reading, await progress.ends(JOB_EVENTS))
                ordered_life = life
            done = await reading.handle(reader.assigned)
            if done and not await reader.commit(done):
                log.warning("partitions moved before the commit; their records come again")
        except LogUnavailableError:
            log.warning("kafka does not answer; going on")


async def _take_past(reader: KafkaReader, reading: Reading, ends: Mapping[int, int]) -> None:
    """Take the job events that wait for us, so that jobs are compared in the order they ended in.

    Partition by partition, a scrape could be compared after a later one, and tell nothing.
    """
    life = reading.life
    while life == reading.life and reading.waiting_count < MOST_WAITING:
        try:
            behind = [
                number
                for topic, number in reader.assigned()
                if topic == JOB_EVENTS
                and await reader.position((topic, number)) < ends.get(number, 0)
            ]
        except IllegalStateError:
            return  # partitions move
        if not behind:
            return
        reading.take(await reader.read(timeout_s=1.0, most=1_000))


def in_order(raw: RawRecord) -> tuple[Any, ...]:
    """Scrapes in the order of their log, then ends of jobs in that of their time."""
    if raw.topic == PLACE_EVENTS:
        return 0, raw.partition, raw.offset
    told = next((value for name, value in raw.headers if name == "ce_time"), b"")
    try:
        at = datetime.fromisoformat(told.decode()).timestamp()
    except ValueError:
        at = 0.0
    return 1, at, raw.partition, raw.offset
