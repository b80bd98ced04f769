"""Reviews encrypted in the log, on the real broker and engine; a key that is gone is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import open_reader
from streams.domain.erasure import ERASED, Erasures, Subject
from streams.domain.ids import JobId, new_job_id
from streams.errors import InvalidSettingError
from streams.personal_keys import Whose, open_keys
from streams.ports import RawRecord
from streams.projections import items
from streams.sealed_fields import KEY_HEADER, DataKey
from streams.settings import Settings
from streams.topics import SCRAPED_ITEMS
from tests.streams.test_erasing import (
    EVENTS,
    author_of,
    erasing,
    forgotten,
    scraped,
    texts,
    words_of,
)
from tests.streams.test_materializer import items_of, materializing, stored
from tests.streams.test_replay import drift_of

KEYS = "personal_keys_v1"


@pytest.fixture
def encrypting(parts: Settings) -> Settings:
    return replace(parts, encrypt_personal=True)


async def raws_of(settings: Settings, job_id: JobId) -> list[RawRecord]:
    """The job's items as Kafka has them."""
    async with open_reader(settings, "test") as reader:
        ends = {n: end for n, end in (await reader.ends(SCRAPED_ITEMS)).items() if end}
        reader.assign({(SCRAPED_ITEMS, n): 0 for n in ends})
        found: list[RawRecord] = []
        async with asyncio.timeout(20):
            while ends:
                raws = await reader.read(timeout_s=1.0)
                found += [raw for raw in raws if raw.key == job_id.encode()]
                for number in list(ends):
                    if await reader.position((SCRAPED_ITEMS, number)) >= ends[number]:
                        del ends[number]
    return found


async def is_off_the_disk(clickhouse: ClickHouse, table: str) -> None:
    """Wait until no file of rows that were deleted is left."""
    async with asyncio.timeout(60):
        while True:
            rows = await clickhouse.rows(
                "SELECT count() FROM system.parts WHERE database = currentDatabase() "
                "AND table = {table:String} AND NOT active AND rows > 0",
                {"table": table},
            )
            if not rows[0][0]:
                return
            await asyncio.sleep(0.2)


@pytest.mark.timeout(150)
async def test_the_log_holds_no_clear_text_and_cannot_be_read_once_the_job_is_forgotten(
    encrypting: Settings,
) -> None:
    job_id, other = new_job_id(), new_job_id()
    async with materializing(encrypting), open_clickhouse(encrypting) as clickhouse:
        for each in (job_id, other):
            await scraped(encrypting, each, author_of(each))
        await stored(clickhouse, [job_id, other], 2 * EVENTS)
        raws = await raws_of(encrypting, job_id)
        assert len(raws) == 3
        log = b"".join(raw.value or b"" for raw in raws)
        for text in (words_of(job_id), author_of(job_id), "Name of", "Alles bestens"):
            assert text.encode() not in log
        assert b"r1" in log  # whether a review is known is asked without any key
        # The store can be emptied, so it is clear; and a rebuild reads the same.
        assert words_of(job_id) in await texts(clickhouse, job_id)
        assert await drift_of(encrypting, items.projection, job_id) == []

        erased = await forgotten(encrypting, clickhouse, Subject.JOB, job_id)
        assert erased.is_proved, erased.remaining
        assert erased.removed[KEYS] == 2, "one for each author"
        await is_off_the_disk(clickhouse, KEYS)
        assert await raws_of(encrypting, job_id) == raws, "the log is never changed"

        # Whoever reads it now, with every key that there is and without knowing of the erasure.
        async with open_log(encrypting, "reader") as log_parts:
            log_parts.records.erasures = Erasures()
            await log_parts.records.learn(raws)
            left = [log_parts.records.read_item(raw) for raw in raws]
            assert {(item.schema, len(item.fields)) for item in left} == {(ERASED, 0)}
            key_id = dict(raws[0].headers)[KEY_HEADER].decode()
            assert await log_parts.keys.fetch(key_id) is None
        assert words_of(other) in await texts(clickhouse, other)
        assert await drift_of(encrypting, items.projection, job_id, other) == []


@pytest.mark.timeout(150)
async def test_a_forgotten_author_is_noise_in_the_log_and_the_others_of_the_job_are_not(
    encrypting: Settings,
) -> None:
    job_id, later, author = new_job_id(), new_job_id(), author_of(new_job_id())
    async with materializing(encrypting), open_clickhouse(encrypting) as clickhouse:
        await scraped(encrypting, job_id, author)
        await stored(clickhouse, [job_id], EVENTS)
        erased = await forgotten(encrypting, clickhouse, Subject.AUTHOR, author)
        assert erased.is_proved, erased.remaining
        assert erased.removed[KEYS] == 1
        await scraped(encrypting, later, author)  # seen again: never readable

        async with open_log(encrypting, "reader") as log_parts:
            log_parts.records.erasures = Erasures()
            for each in (job_id, later):
                raws = await raws_of(encrypting, each)
                await log_parts.records.learn(raws)
                left = [log_parts.records.read_item(raw) for raw in raws]
                assert [item.fields.get("text") for item in left] == [None, *["Alles bestens."] * 2]
        assert await drift_of(encrypting, items.projection, job_id) == []


async def test_an_erasure_that_comes_while_a_key_is_stored_leaves_nothing_to_read(
    encrypting: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = author_of(new_job_id())
    async with (
        open_log(encrypting, "worker") as log,
        open_clickhouse(encrypting) as clickhouse,
        erasing(encrypting, clickhouse) as eraser,
    ):
        store = log.keys.for_new

        async def late(wanted: Sequence[Whose]) -> Sequence[DataKey]:
            await eraser.request(Subject.AUTHOR, author, [])
            return await store(wanted)

        monkeypatch.setattr(log.keys, "for_new", late)
        first, *_ = items_of(new_job_id(), 1)
        [position] = await log.event_log.append_items(
            [replace(first, fields={**first.fields, "author_id": author})]
        )
        async with open_reader(encrypting, "test") as reader:
            reader.assign({(SCRAPED_ITEMS, position.partition): position.offset})
            raw, *_ = await reader.read(timeout_s=20)
        assert await log.keys.fetch(dict(raw.headers)[KEY_HEADER].decode()) is None


async def test_keys_stand_in_the_store_encrypted_and_another_key_does_not_open_them(
    encrypting: Settings,
) -> None:
    job_id = new_job_id()
    async with open_keys(encrypting) as keys, open_clickhouse(encrypting) as clickhouse:
        whose = Whose(job_id=job_id)
        [key] = await keys.for_new([whose])
        assert await keys.for_new([whose, whose]) == [key, key]
        rows = await clickhouse.rows(
            f"SELECT wrapped FROM {KEYS} WHERE job_id = {{job:String}}", {"job": job_id}
        )
        assert len(rows) == 1
        assert str(rows[0][0]).startswith("gAAAA")
    async with open_keys(encrypting) as again:
        found = await again.fetch(key.key_id)
        assert found is not None
        assert found.secret == key.secret
        assert await again.fetch("f" * 32) is None
        assert await again.fetch("' OR 1") is None
    for wrong in ("", Fernet.generate_key().decode()):
        async with open_keys(replace(encrypting, personal_key=wrong)) as others:
            with pytest.raises(InvalidSettingError, match="PERSONAL_KEY"):
                await others.learn([key.key_id])


async def test_a_second_attempt_knows_the_first_ones_reviews_and_reads_its_own(
    encrypting: Settings,
) -> None:
    job_id = new_job_id()
    async with materializing(encrypting), open_clickhouse(encrypting) as clickhouse:
        await scraped(encrypting, job_id, author_of(job_id))
        await scraped(encrypting, job_id, author_of(job_id))  # another worker, another key
        await stored(clickhouse, [job_id], EVENTS)
        raws = await raws_of(encrypting, job_id)
        assert len({dict(raw.headers)[KEY_HEADER] for raw in raws}) == 2 * 2
        async with asyncio.timeout(20):
            while True:
                if await ClickHouseStore(clickhouse).has_items(job_id, raws[-1].offset + 1):
                    break
                await asyncio.sleep(0.05)
        assert sorted(await texts(clickhouse, job_id)) == sorted(
            [words_of(job_id), *["Alles bestens."] * 2]
        )
