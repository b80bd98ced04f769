"""Faust with what was fetched of a partition as one event: nothing is lost, all is committed."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_writer import open_writer
from streams.agents.faust_app import AgentApp, run_app
from streams.domain.items import Position
from streams.ports import NewRecord, RawRecord
from streams.settings import Settings
from streams.topics import TASKS

TOPIC = TASKS["low"]  # nobody works here: what is written is read by nobody else
WITHIN_S = 30.0
HEADERS = [("ce_type", b"it")]


async def put(settings: Settings, run: str, first: int, count: int) -> Sequence[Position]:
    """Numbered records, over some partitions."""
    async with open_writer(settings, "it-faust") as writer:
        return await writer.send(
            [
                NewRecord(
                    topic=TOPIC,
                    key=f"{run}{n % 7}".encode(),
                    value=f"{run}:{n}".encode(),
                    headers=HEADERS,
                )
                for n in range(first, first + count)
            ]
        )


async def test_records_come_in_their_order_and_are_committed(parts: Settings) -> None:
    run, group = uuid.uuid4().hex, f"it-{uuid.uuid4().hex}"
    found: defaultdict[int, list[int]] = defaultdict(list)
    sizes: list[int] = []
    came = asyncio.Event()

    async def handle(raws: Sequence[RawRecord]) -> None:
        assert len({raw.partition for raw in raws}) == 1
        ours = [raw for raw in raws if raw.value and raw.value.startswith(run.encode())]
        sizes.append(len(ours))
        for raw in ours:
            assert raw.headers == HEADERS
            found[raw.partition].append(int((raw.value or b"").rpartition(b":")[2]))
        came.set()

    async def sweep(_assigned: Mapping[str, frozenset[int]]) -> None:
        """It has none."""

    async def has_come(count: int) -> None:
        while sum(map(len, found.values())) < count:
            came.clear()
            await came.wait()

    positions = list(await put(parts, run, 0, 2_000))
    app = AgentApp(name=group, handlers={TOPIC: handle}, sweep=sweep, has_batches=True)
    running = asyncio.create_task(run_app(parts, app, asyncio.Event()))
    try:
        async with asyncio.timeout(WITHIN_S), open_admin(parts, "it-faust") as admin:
            await has_come(2_000)
            positions += await put(parts, run, 2_000, 10)
            await has_come(2_010)
            ends: dict[int, int] = {}
            for place in positions:
                ends[place.partition] = max(ends.get(place.partition, 0), place.offset + 1)
            committed: Mapping[tuple[str, int], int] = {}
            while any(committed.get((TOPIC, number), 0) < end for number, end in ends.items()):
                await asyncio.sleep(0.1)
                committed = await admin.committed(group)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert sorted(n for numbers in found.values() for n in numbers) == list(range(2_010))
    assert all(numbers == sorted(numbers) for numbers in found.values())
    assert max(sizes) > 100
