"""What an audit has looked at, and what it found wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_SHOWN = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is not as the log says."""

    rule: str
    """``one_ending``, ``event_lost``, ``event_doubled``, ``state_differs``, ``item_lost``,
    ``item_doubled``, ``items_count``, ``webhook_missing``, ``webhook_doubled``,
    ``place_event_lost``, ``place_event_doubled``, ``place_event_differs``."""
    subject: str
    """Job id, place id, or topic and partition."""
    detail: str


@dataclass(slots=True)
class Findings:
    """What was looked at, and what is wrong."""

    jobs: int = 0
    ended: int = 0
    events: int = 0
    items: int = 0
    """Distinct items in the log."""
    place_events: int = 0
    """Distinct events of places in the log."""
    unreadable: int = 0
    violations: list[Violation] = field(default_factory=list)
    """At most ``MOST_SHOWN``."""
    violations_count: int = 0

    def add(self, rule: str, subject: str, detail: str) -> None:
        """Note a violation."""
        self.violations_count += 1
        if len(self.violations) < MOST_SHOWN:
            self.violations.append(Violation(rule=rule, subject=subject, detail=detail))

    def compare(self, kind: str, subject: str, offsets: set[int], stored: Sequence[int]) -> None:
        """Both sides of one partition. Records that nobody can read are in neither."""
        if lost := offsets.difference(stored):
            self.add(f"{kind}_lost", subject, f"{len(lost)}, the first at {min(lost)}")
        if len(stored) != len(set(stored)):
            count = len(stored) - len(set(stored))
            self.add(f"{kind}_doubled", subject, f"{count} rows too many")
