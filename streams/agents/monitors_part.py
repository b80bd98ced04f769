"""The monitors of one partition of ``monitor-events``, as a scheduler knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from streams.domain.monitor import Monitor, evolve
from streams.domain.monitor_events import RecordedMonitor
from streams.domain.monitor_schedule import next_due_at


@dataclass(slots=True)
class MonitorsPart:
    """The monitors of one partition of ``monitor-events``."""

    folded_to: int = 0
    """Offset after the last event folded in."""
    monitors: dict[str, Monitor] = field(default_factory=dict)
    due_at: dict[str, datetime] = field(default_factory=dict)
    """When the next run of each is due; none for those that have none."""
    put_aside: set[int] = field(default_factory=set)
    """Offsets of events that nobody can read and that are among the dead letters."""
    job_ends: Mapping[int, int] | None = None
    """How far ``job-events`` went when the partition came to us: a run that the process before us
    has started stands below. None: the store has all of that."""

    def apply(self, recorded: RecordedMonitor) -> None:
        """Fold one event in."""
        monitor = evolve(self.monitors.get(recorded.monitor_id), recorded)
        if monitor is None:
            return
        self.monitors[monitor.monitor_id] = monitor
        at = next_due_at(monitor)
        if at is None:
            self.due_at.pop(monitor.monitor_id, None)
        else:
            self.due_at[monitor.monitor_id] = at
