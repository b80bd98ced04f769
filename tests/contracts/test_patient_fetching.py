"""Who may wait lets the broker gather records: in our own members of a group, and in Faust."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from streams.adapters.kafka_group import open_group_reader
from streams.adapters.kafka_writer import open_writer
from streams.agents.faust_app import AgentApp, run_app
from streams.patience import PATIENT_BYTES, PATIENT_MS
from streams.ports import NewRecord, RawRecord
from streams.settings import Settings
from streams.topics import TASKS

TOPIC = TASKS["low"]  # nobody works here: what is written is read by nobody else
WITHIN_S = 30.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, int]]:
    """Of each fetch that is sent from now on: the fewest bytes, the longest wait in ms."""
    found: set[tuple[int, int]] = set()
    send = AIOKafkaClient.send

    async def watched(self: AIOKafkaClient, node_id: Any, request: Any, **more: Any) -> Any:
        if isinstance(request, FetchRequest):
            found.add((request._min_bytes, request._max_wait_ms))  # noqa: SLF001 - no public way
        return await send(self, node_id, request, **more)

    monkeypatch.setattr(AIOKafkaClient, "send", watched)
    return found


async def put(settings: Settings, value: bytes) -> None:
    async with open_writer(settings, "it-patient") as writer:
        await writer.send([NewRecord(topic=TOPIC, key=b"it", value=value, headers=[])])


@pytest.mark.parametrize(
    ("is_patient", "expected"), [(False, (1, 500)), (True, (PATIENT_BYTES, PATIENT_MS))]
)
async def test_a_member_of_a_group_waits_when_it_is_told_to(
    parts: Settings, asked: set[tuple[int, int]], expected: tuple[int, int], *, is_patient: bool
) -> None:
    value = uuid.uuid4().bytes
    await put(parts, value)
    async with (
        asyncio.timeout(WITHIN_S),
        open_group_reader(
            parts, [TOPIC], group=f"it-{value.hex()}", client_id="it", is_patient=is_patient
        ) as reader,
    ):
        came: list[RawRecord] = []
        while all(raw.value != value for raw in came):
            came += await reader.read(timeout_s=1.0)
    assert asked == {expected}


async def test_one_record_comes_to_a_patient_role_of_faust(
    parts: Settings, asked: set[tuple[int, int]]
) -> None:
    value = uuid.uuid4().bytes
    came = asyncio.Event()

    async def handle(raws: Sequence[RawRecord]) -> None:
        if any(raw.value == value for raw in raws):
            came.set()

    async def sweep(_assigned: Mapping[str, frozenset[int]]) -> None:
        """It has none."""

    app = AgentApp(name=f"it-{value.hex()}", handlers={TOPIC: handle}, sweep=sweep, is_patient=True)
    running = asyncio.create_task(run_app(parts, app, asyncio.Event()))
    try:
        await put(parts, value)
        await asyncio.wait_for(came.wait(), WITHIN_S)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert asked == {(PATIENT_BYTES, PATIENT_MS)}
