"""Handlers that go on until it is done: Faust counts a failed event as done (H2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

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

    async def insist(raw: RawRecord) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await learn([raw])
                await handle(raw)
            except UnreadableRecordError as error:
                # The materializer puts it into the dead-letter topic; we go on.
                log.warning("record is unreadable", extra={"reason": str(error)})
                return
            except (UnavailableError, RegistryError) as error:
                log.warning("record waits", extra={"topic": raw.topic, "reason": str(error)})
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            else:
                return

    return insist
