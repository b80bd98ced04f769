"""Appends many events at once, and says what is known when Kafka does not acknowledge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from api.parts import Api
from api.refusals import UncertainBatchError
from streams.domain.recorded import NewEvent
from streams.errors import LogUnavailableError

ALL_WITHIN_S = 15.0  # 25,000 take a second on a small machine


def check_log(api: Api) -> None:
    """Refuse before any work is done.

    Raises:
        LogUnavailableError: Kafka is known to be away.
    """
    if api.health.is_away("kafka"):
        raise LogUnavailableError("Kafka does not answer; nothing was stored, try again")


async def append_all(
    api: Api, events: Sequence[NewEvent], batch_id: str | None = None
) -> dict[int, int]:
    """Append ``events``; returns once all are durable, with the end of each partition's share.

    They go in one piece: whoever reads them would take the processor from those that are still
    to be encoded.

    Raises:
        LogUnavailableError: Kafka is known to be away; nothing was sent.
        UncertainBatchError: not all were acknowledged; what is stored is unknown.
    """
    check_log(api)
    try:
        async with asyncio.timeout(ALL_WITHIN_S):
            with api.parts.live.hold():
                positions = await api.parts.event_log.append(events) if events else ()
    except (LogUnavailableError, TimeoutError) as error:
        raise UncertainBatchError(batch_id) from error
    ends: dict[int, int] = {}
    for at in positions:
        ends[at.partition] = max(ends.get(at.partition, 0), at.offset + 1)
    return ends
