"""Which part of the log a replay is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOST_JOBS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """A span of time, some jobs, or both; by default the whole log."""

    since: datetime | None = None
    """Records written at this time or later; None: from the first one kept."""
    before: datetime | None = None
    """Records written before this time; None: up to the newest."""
    job_ids: tuple[str, ...] = ()
    """Empty: all."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.since is None and self.before is None and not self.job_ids

    def fault(self) -> str:
        """Why it cannot be meant; empty when it can."""
        if self.since is not None and self.before is not None and self.since >= self.before:
            return "the span is empty: `from` must be before `to`"
        if len(self.job_ids) > MOST_JOBS:
            return f"name at most {MOST_JOBS:,} jobs; for more, leave them out and use a span"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Offsets of one partition: ``first`` and on, and before ``end``."""

    first: int
    end: int

    @property
    def count(self) -> int:
        """How many offsets that are."""
        return max(0, self.end - self.first)


def span_of(*, start: int, end: int, since: int | None = None, before: int | None = None) -> Span:
    """The offsets that are there and wanted.

    Args:
        start: of the oldest kept record.
        end: after the newest record.
        since: of the first wanted record; None: the oldest.
        before: of the first record after those wanted; None: none.
    """
    first = start if since is None else max(start, since)
    last = end if before is None else min(end, before)
    return Span(first=first, end=max(first, last))


def mendable_end(span: Span, *, stored_end: int, committed: int | None) -> int:
    """Up to where rows may be put into the live table.

    What the materializer has not stored yet is its own work: it goes on behind the highest stored
    row, so a row beyond would make it leave out those between.
    """
    return max(span.first, min(span.end, max(stored_end, committed or 0)))


def lost_tail(*, stored_end: int, committed: int | None, start: int, end: int) -> Span | None:
    """Records that were stored, and are not any more, at the end of what is stored.

    A row put behind them would hide them from the materializer's next start: who mends one of
    them mends them all.
    """
    first = max(start, stored_end)
    last = min(end, committed or 0)
    return Span(first=first, end=last) if last > first else None
