"""Back-pressure: a queue that is full says so, and when to come again."""

from __future__ import annotations

from math import ceil

from api.parts import Api
from api.refusals import QueueFullError
from streams.domain.job import OPEN_STATUSES

LONGEST_S = 3_600


def check_room(api: Api, count: int) -> None:
    """Let ``count`` new jobs in.

    Raises:
        QueueFullError: with them more than ``max_open_jobs`` would wait or run, as far as this
            process has read; says when there may be room.
    """
    most = api.parts.settings.max_open_jobs
    is_open = api.parts.live.memory.count(*OPEN_STATUSES)
    too_many = is_open + count - most
    if count == 0 or too_many <= 0:
        return
    raise QueueFullError(
        f"{is_open} jobs are open and at most {most} may be; there is no room for {count} more",
        retry_after_s=room_after_s(too_many, drained_each_s(api)),
    )


def drained_each_s(api: Api) -> float:
    """Jobs that end in a second: the workers' slots over the typical time of a job."""
    live = api.parts.live
    slots = api.queue.taking_slots()
    kinds = [kind.name for kind in api.parts.catalogue.kinds]
    return slots / max(0.1, max(map(live.durations.typical_s, kinds), default=1.0))


def room_after_s(too_many: int, drained: float) -> int:
    """Whole seconds until ``too_many`` jobs have ended; at most an hour."""
    return max(1, min(LONGEST_S, ceil(too_many / drained)))
