"""Finds partitions of which records are in the log and do not come.

A process that was frozen for longer than its group waits loses its partitions, and may get them
back before its next sweep. What another one has handled in between is committed, and comes to
nobody any more: seen as a job that waited for ever. A later record shows the gap; without one, this
does.
"""

from __future__ import annotations

from collections.abc import Mapping

STALLED_S = 5.0
"""Time without any record of a partition that has some: a flood comes in turns of a second."""


class Stalls:
    """Asked at each sweep; it knows since when a partition has not moved."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[int, float]] = {}

    def find(
        self, folded_to: Mapping[int, int], ends: Mapping[int, int], now_s: float
    ) -> list[int]:
        """Partitions to read anew: nothing came of what lies before their ends for too long."""
        behind = {number: at for number, at in folded_to.items() if at < ends.get(number, 0)}
        self._since = {
            number: known if known and known[0] == at else (at, now_s)
            for number, at in behind.items()
            for known in [self._since.get(number)]
        }
        return [
            number for number, (_, since_s) in self._since.items() if now_s - since_s > STALLED_S
        ]
