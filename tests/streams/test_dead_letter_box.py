"""The dead-letter topics on a real broker: both are followed while records of others are read."""

from __future__ import annotations

import uuid

from scrapestream.wiring import open_log
from streams.adapters.kafka_reader import open_reader
from streams.adapters.kafka_writer import open_writer
from streams.dead_letter_box import DeadLetterBox
from streams.dead_letters import EXHAUSTED, Letter
from streams.ports import NewRecord, RawRecord
from streams.settings import Settings
from streams.topics import SCRAPE_DLQ, WEBHOOK_DLQ, WORKER_CONTROL


async def test_letters_of_both_topics_are_followed_read_and_resolved(parts: Settings) -> None:
    name = uuid.uuid4().hex
    async with (
        open_log(parts, "test") as log,
        open_writer(parts, "test") as writer,
        open_reader(parts, "test-dlq", wait_ms=50) as reader,
    ):
        box = DeadLetterBox(reader, log.event_log, log.records)
        # Where nobody reads it as an event: this broker is other tests', too.
        stray = NewRecord(topic=WORKER_CONTROL, key=name.encode(), value=b"junk")
        [at] = await writer.send([stray])
        raw = RawRecord(
            topic=WORKER_CONTROL,
            partition=at.partition,
            offset=at.offset,
            key=stray.key,
            value=stray.value,
        )

        def mine(topic: str) -> list[Letter]:
            return [letter for letter in box.known_open(topic) if letter.key == name]

        await box.look()
        for _ in range(2):
            await log.event_log.reject(raw, "junk", to=SCRAPE_DLQ)
            await box.look()
            assert len(mine(SCRAPE_DLQ)) == 1
            found = await box.fetch((WORKER_CONTROL, at.partition, at.offset))
            assert found is not None
            assert found.value == b"junk"
            await log.event_log.reject(raw, "gone", to=WEBHOOK_DLQ, error=EXHAUSTED)
            await box.look()
            assert len(mine(WEBHOOK_DLQ)) == 1
        for topic in (SCRAPE_DLQ, WEBHOOK_DLQ):
            [letter] = mine(topic)
            assert (await box.record(letter)).value == b"junk"
            await box.drop(letter)
        await box.look()
        assert mine(SCRAPE_DLQ) + mine(WEBHOOK_DLQ) == []
