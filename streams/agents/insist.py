"""Handlers that go on until it is done: Faust counts a failed event as done (H2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from schemas.errors import RegistryError
from streams.errors import UnavailableError, UnreadableRecordError
from streams.ports import RawRecord

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


def insisting(
    learn: Callable[[Iterable[RawRecord]], Awaitable[None]],
    handle: Callable[[RawRecord], Awaitable[None]],
) -> Callable[[RawRecord], Awaitable[None]]:
    """``handle``, with its schemas learnt, again and again while a part is away."""

    async def handle_it(raws: Sequence[RawRecord]) -> None:
        await handle(raws[0])

    insist_on_it = insisting_on_all(learn, handle_it)

    async def insist(raw: RawRecord) -> None:
        try:
            await insist_on_it([raw])
        except UnreadableRecordError as error:
            # The materializer puts it into the dead-letter topic; we go on.
            log.warning("record is unreadable", extra={"reason": str(error)})

    return insist


def each(
    handle: Callable[[RawRecord], Awaitable[None]],
) -> Callable[[Sequence[RawRecord]], Awaitable[None]]:
    """``handle`` for one record after the other."""

    async def handle_each(raws: Sequence[RawRecord]) -> None:
        for raw in raws:
            await handle(raw)

    return handle_each


def insisting_on_all(
    learn: Callable[[Iterable[RawRecord]], Awaitable[None]],
    handle: Callable[[Sequence[RawRecord]], Awaitable[None]],
) -> Callable[[Sequence[RawRecord]], Awaitable[None]]:
    """As ``insisting``, for a handler of many, which may get some of them again.

    It puts up with records that it cannot read.
    """

    async def insist(raws: Sequence[RawRecord]) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await learn(raws)
                await handle(raws)
            except (UnavailableError, RegistryError) as error:
                log.warning("record waits", extra={"topic": raws[0].topic, "reason": str(error)})
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            else:
                return

    return insist
