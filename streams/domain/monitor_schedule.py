"""When a monitor's next run is due: a function of its state and the time.

Runs are due on a grid: the first as soon as the monitor is created, then one a period. The grid
is shifted a little for each monitor, so that a thousand that were created together do not come
due in the same second. Of runs that were missed only the newest is caught up with.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from streams.domain.ids import JobId, monitor_job_id
from streams.domain.monitor import Monitor, MonitorStatus
from streams.domain.monitor_events import Trigger

LONGEST_SHIFT_S = 600
SHIFT_SHARE = 10
"""A grid is shifted by at most the period divided by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A run that should exist."""

    job_id: JobId
    due_at: datetime
    trigger: Trigger
    full: bool
    """Whether it is to find everything, whatever the runs before have found."""


def next_due_at(monitor: Monitor) -> datetime | None:
    """When the next run is due, be it in the past; None: none will be."""
    if monitor.is_deleted:
        return None
    if monitor.wanted_at is not None:
        return monitor.wanted_at
    if monitor.status is MonitorStatus.PAUSED:
        return None
    if monitor.handled_to is None:
        return monitor.grid_from
    return _grid_point(monitor, _grid_number(monitor, monitor.handled_to) + 1)


def due(monitor: Monitor, now: datetime) -> Due | None:
    """The run that should begin now: what a client asks for, else the newest that was missed."""
    at = next_due_at(monitor)
    if at is None or at > now:
        return None
    if monitor.wanted is not None:
        return Due(
            job_id=JobId(monitor.wanted.job_id),
            due_at=at,
            trigger=Trigger.REQUEST,
            full=monitor.wanted.full or is_full_turn(monitor),
        )
    at = max(at, _grid_point(monitor, _grid_number(monitor, now)))
    return Due(
        job_id=monitor_job_id(monitor.monitor_id, at),
        due_at=at,
        trigger=Trigger.SCHEDULE,
        full=is_full_turn(monitor),
    )


def is_full_turn(monitor: Monitor) -> bool:
    """Whether the next run is one that finds everything, so that removals can be noticed."""
    if monitor.runs_count == 0:
        return True
    return monitor.full_every > 0 and monitor.runs_count % monitor.full_every == 0


def _grid_number(monitor: Monitor, at: datetime) -> int:
    """The number of the newest point of the grid that is not after ``at``; the first is 0."""
    passed_s = (at - monitor.grid_from - _shift(monitor)) // timedelta(seconds=monitor.every_s)
    return max(0, passed_s)


def _grid_point(monitor: Monitor, number: int) -> datetime:
    if number == 0:
        return monitor.grid_from
    return monitor.grid_from + timedelta(seconds=number * monitor.every_s) + _shift(monitor)


def _shift(monitor: Monitor) -> timedelta:
    """How far the grid is shifted: always the same for a monitor."""
    most_s = min(LONGEST_SHIFT_S, monitor.every_s / SHIFT_SHARE)
    share = zlib.crc32(monitor.monitor_id.encode()) / 2**32
    return timedelta(milliseconds=int(most_s * share * 1000))
