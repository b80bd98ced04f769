"""Looking back: which event a moment belongs to, and what differs between two states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.domain.recorded import Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that two states disagree on."""

    field: str
    old: Any
    new: Any


def number_at(events: Sequence[Recorded], moment: datetime) -> int:
    """The number, from 1, of the newest event that had happened at ``moment``; 0: none had.

    ``events`` are all of a job's, in the order of the log. Their times come from several clocks,
    so they may step back a little; the order of the log is what counts.
    """
    return max(
        (number for number, one in enumerate(events, 1) if one.occurred_at <= moment), default=0
    )


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[Change]:
    """The fields whose values differ, in the order of ``old``; None stands for one not there."""
    names = dict.fromkeys((*old, *new))
    return [
        Change(field=name, old=old.get(name), new=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]
