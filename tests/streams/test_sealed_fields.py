"""Encrypted fields: unreadable without the key, bound to their place, and the same schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from schemas.catalog import all_schemas
from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker
from streams.adapters.records import Records
from streams.domain.ids import new_job_id
from streams.personal_keys import PersonalKeys, Whose
from streams.sealed_fields import SEALED, BrokenSealError, DataKey, new_key, sealed, unsealed
from streams.settings import Settings
from streams.topics import SCRAPED_ITEMS, topic_schemas
from tests.api.job_events import review

EVENT = "0b8f3c1e-1111-5222-8333-444444444444"
REVIEW = {
    "review_id": "r1",
    "author_name": "Ada Lovelace",
    "author_id": "104857600000000000001",
    "author_url": None,
    "rating": 4.0,
    "text": 'Très bon "plat"\n',
    "text_translated": "",
    "photo_urls": ["https://p/1", "https://p/2"],
    "position": 1,
}


def test_what_is_personal_is_sealed_and_the_rest_stays_clear() -> None:
    key = new_key()
    found = sealed(REVIEW, key, EVENT)
    assert {name for name in REVIEW if found[name] != REVIEW[name]} == {
        *("author_name", "author_id", "text", "photo_urls")
    }
    assert all(str(found[name]).startswith(f"enc:v1:{key.key_id}:") for name in ("text",))
    assert "Ada" not in repr(found)
    assert "plat" not in repr(found)
    assert unsealed(found, key, EVENT) == REVIEW


def test_the_same_text_looks_different_each_time() -> None:
    key = new_key()
    assert sealed(REVIEW, key, EVENT)["text"] != sealed(REVIEW, key, EVENT)["text"]


def test_a_sealed_text_cannot_be_moved_changed_or_read_with_another_key() -> None:
    key, other = new_key(), new_key()
    found = dict(sealed(REVIEW, key, EVENT))
    text = str(found["text"])
    flipped = "B" if text[60] == "A" else "A"
    for fields, event_id, with_key in (
        (found, EVENT, other),
        (found, EVENT.replace("0b", "0c"), key),
        ({**found, "text": found["author_name"]}, EVENT, key),
        ({**found, "text": text[:60] + flipped + text[61:]}, EVENT, key),
        ({**found, "text": f"enc:v1:{key.key_id}:AA"}, EVENT, key),
        ({**found, "text": "clear"}, EVENT, key),
    ):
        with pytest.raises(BrokenSealError):
            unsealed(fields, with_key, event_id)


def test_a_key_does_not_show_its_secret() -> None:
    key = new_key()
    assert repr(key.secret) not in repr(key)


def test_the_sealed_fields_are_fields_of_a_review() -> None:
    fields = {field["name"] for field in all_schemas()["GoogleReview"].parsed["fields"]}
    assert fields >= SEALED


async def test_a_sealed_review_fits_the_schema_that_it_had() -> None:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    codec = await open_codec(registry, topic_schemas())
    envelope = {"event_id": EVENT, "job_id": "1" * 32, "occurred_at": datetime.now(UTC)}
    value = codec.encode(
        SCRAPED_ITEMS, "GoogleReview", {**envelope, **sealed(REVIEW, new_key(), EVENT)}
    )
    assert b"Ada" not in value
    assert b"r1" in value


async def test_without_encryption_whoever_appends_reviews_asks_for_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    records = Records(await open_codec(registry, topic_schemas()), "/scrapestream/worker")
    asked: list[str] = []

    async def look() -> None:
        asked.append("erasures")

    async def no_keys(keys: PersonalKeys, wanted: Sequence[Whose]) -> Sequence[DataKey]:
        asked.append("keys")
        return [new_key() for _ in wanted]

    records.catch_up = look
    monkeypatch.setattr(PersonalKeys, "for_new", no_keys)
    reviews = [review(new_job_id(), number) for number in range(3)]
    await RecordEventLog(MemoryBroker(), records).append_items(reviews)
    assert asked == []
    encrypting = RecordEventLog(MemoryBroker(), records, PersonalKeys(Settings()))
    await encrypting.append_items(reviews)
    assert asked == ["keys", "erasures"], "once a batch, and in this order"
