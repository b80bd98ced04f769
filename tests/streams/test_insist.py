"""Handlers that go on until it is done, one record at a time or many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

import streams.agents.insist
from streams.agents.insist import each, insisting, insisting_on_all
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import RawRecord

RAWS = [RawRecord("t", 0, offset, b"k", b"v", []) for offset in range(3)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.agents.insist, "FIRST_PAUSE_S", 0.0)


async def learn(_raws: Iterable[RawRecord]) -> None:
    """Everything is known."""


async def test_many_are_handled_again_together_while_a_part_is_away() -> None:
    calls: list[Sequence[RawRecord]] = []

    async def handle(raws: Sequence[RawRecord]) -> None:
        calls.append(raws)
        if len(calls) < 3:
            raise LogUnavailableError("away")

    await insisting_on_all(learn, handle)(RAWS)
    assert calls == [RAWS] * 3


async def test_one_that_cannot_be_read_does_not_stop_the_others() -> None:
    handled: list[int] = []

    async def handle(raw: RawRecord) -> None:
        if raw.offset == 1:
            raise UnreadableRecordError("bad bytes")
        handled.append(raw.offset)

    await each(insisting(learn, handle))(RAWS)
    assert handled == [0, 2]
