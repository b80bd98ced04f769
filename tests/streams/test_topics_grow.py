"""Task topics of an earlier release get the partitions that they have too few of."""

from __future__ import annotations

import pytest

import streams.topics
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_reader import open_reader
from streams.settings import Settings
from streams.topics import JOB_EVENTS, PARTITIONS, TASK_PARTITIONS, TASKS


async def test_only_topics_without_an_order_grow(
    parts: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_admin(parts, "it-grow") as admin:
        monkeypatch.setattr(streams.topics, "TASK_PARTITIONS", TASK_PARTITIONS + 1)
        for _ in range(2):  # safe to repeat
            assert not any((await admin.create_topics()).values())
    async with open_reader(parts, "it-grown") as reader:
        for topic in TASKS.values():
            assert len(await reader.ends(topic)) == TASK_PARTITIONS + 1
        assert len(await reader.ends(JOB_EVENTS)) == PARTITIONS
