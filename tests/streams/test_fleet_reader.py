"""Who follows the heartbeats knows the workers at once, and hears what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.records import Records
from streams.domain.fleet import LATE_AFTER_S, LOST_AFTER_S, Fleet
from streams.domain.items import Position
from streams.fleet_reader import LOOK_BACK, FleetReader
from streams.ports import NewRecord
from streams.topics import WORKER_HEARTBEATS
from tests.domain.test_dispatch import report
from tests.support.orchestration import open_records

WAIT_S = 10.0
CLOCK_S = 1_000.0
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class OnePartition(MemoryBroker):
    """Keeps the heartbeats in their one partition, as the topic does."""

    async def send(self, records: Sequence[NewRecord]) -> Sequence[Position]:
        return await super().send([replace(record, partition=0) for record in records])


@asynccontextmanager
async def following(
    broker: MemoryBroker, records: Records, fleet: Fleet
) -> AsyncIterator[FleetReader]:
    reader = FleetReader(
        MemoryReader(broker),
        records.learn,
        records.read_report,
        fleet.hear,
        clock=lambda: CLOCK_S,
        now=lambda: NOW,
    )
    running = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - the broker in memory tells nobody
            await asyncio.sleep(0.005)


async def test_reports_from_before_the_start_count_by_their_age() -> None:
    async with open_records() as records:
        broker, fleet = OnePartition(), Fleet()
        log = RecordEventLog(broker, records)
        for worker, age_s in (("fresh", 1.0), ("late", LATE_AFTER_S + 1), ("lost", 60.0)):
            await log.report(replace(report(worker), occurred_at=NOW - timedelta(seconds=age_s)))
        async with following(broker, records, fleet):
            await until(lambda: len(fleet.all(CLOCK_S)) == 3)
        assert [fleet.is_on_time(worker, CLOCK_S) for worker in ("fresh", "late", "lost")] == [
            True,
            False,
            False,
        ]
        assert {each.worker for each in fleet.alive(CLOCK_S)} == {"fresh", "late"}
        assert LATE_AFTER_S + 1 < LOST_AFTER_S


async def test_what_comes_later_counts_from_when_it_is_heard() -> None:
    async with open_records() as records:
        broker, fleet = OnePartition(), Fleet()
        log = RecordEventLog(broker, records)
        async with following(broker, records, fleet):
            await log.report(replace(report("w0"), occurred_at=NOW))
            await until(lambda: fleet.find("w0") is not None)
            # The clock of its machine is an hour behind ours.
            await log.report(replace(report("w1"), occurred_at=NOW - timedelta(hours=1)))
            await until(lambda: fleet.find("w1") is not None)
        assert fleet.is_on_time("w1", CLOCK_S)


async def test_only_the_newest_reports_are_read_at_a_start() -> None:
    async with open_records() as records:
        broker, fleet = OnePartition(), Fleet()
        log = RecordEventLog(broker, records)
        await log.report(replace(report("ancient"), occurred_at=NOW))
        for _ in range(LOOK_BACK):
            await log.report(replace(report("w1"), occurred_at=NOW))
        async with following(broker, records, fleet):
            await until(lambda: fleet.find("w1") is not None)
        assert fleet.find("ancient") is None


async def test_a_report_that_cannot_be_read_stops_nothing() -> None:
    async with open_records() as records:
        broker, fleet = OnePartition(), Fleet()
        await broker.send([NewRecord(topic=WORKER_HEARTBEATS, key=b"x", value=b"nonsense")])
        await RecordEventLog(broker, records).report(replace(report("w1"), occurred_at=NOW))
        async with following(broker, records, fleet):
            await until(lambda: fleet.find("w1") is not None)


async def test_a_broker_that_is_away_makes_it_blind_until_it_answers() -> None:
    async with open_records() as records:
        broker, fleet = OnePartition(), Fleet()
        broker.away = True
        clock_s = CLOCK_S
        reader = FleetReader(
            MemoryReader(broker),
            records.learn,
            records.read_report,
            fleet.hear,
            clock=lambda: clock_s,
        )
        running = asyncio.create_task(reader.run())
        await asyncio.sleep(0)
        clock_s += 20
        assert reader.silent_s() == 20
        broker.away = False
        await RecordEventLog(broker, records).report(report("w1"))
        await until(lambda: fleet.find("w1") is not None)
        await until(lambda: reader.silent_s() == 0)
        running.cancel()
        await asyncio.wait([running])
