"""Files of results: where each lies, and how long it is kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from streams.domain.events import ScrapeCancelled, ScrapeCompleted, ScrapeFailed
from streams.domain.ids import JobId
from streams.domain.job import Job, Status
from streams.domain.recorded import Recorded

KEY = re.compile(r"(\d{4}/\d{2}/\d{2})/[0-9a-f]{32}\.json\.gz")
DAY = "%Y/%m/%d"


def results_key(job_id: JobId, completed_at: datetime) -> str:
    """The key of a job's file: by the UTC day of the job's end."""
    return f"{completed_at.astimezone(UTC).strftime(DAY)}/{job_id}.json.gz"


def day_of(key: str) -> date | None:
    """The day of one of our keys; None for what is not ours."""
    found = KEY.fullmatch(key)
    return _day_in(found[1]) if found else None


def may_owe_file(recorded: Recorded) -> bool:
    """Whether the event ends a job that may have results."""
    match recorded.event:
        case ScrapeCompleted():
            return True
        case ScrapeFailed(items_count=count) | ScrapeCancelled(items_count=count):
            return count > 0
        case _:
            return False


def owes_file(job: Job) -> bool:
    """Whether the job has results and no file of them: ended, and completed or with items."""
    has_results = job.items_count > 0 or job.status is Status.COMPLETED
    return not job.is_open and job.completed_at is not None and has_results and job.results is None


def expires_at(day: date, days: int) -> datetime | None:
    """When files of ``day`` may go: after ``days`` whole days; None for 0, which is never."""
    if not days:
        return None
    return datetime.combine(day, time(), UTC) + timedelta(days=days + 1)


def may_have_expired(prefix: str, now: datetime, days: int) -> bool:
    """Whether files below ``prefix`` (``2026``, ``2026/11``, ``2026/11/22``) may have expired.

    The first day of the prefix decides, so a year of which one day has expired is looked into.
    False for what is no date: it is not ours.
    """
    first = _day_in("/".join([*prefix.strip("/").split("/"), "01", "01"][:3]))
    end = expires_at(first, days) if first else None
    return end is not None and end <= now


def expired_keys(keys: Iterable[str], now: datetime, days: int) -> Sequence[str]:
    """Those of our ``keys`` whose time is over; other people's files are none of them."""
    return [key for key in keys if _has_expired(key, now, days)]


def _has_expired(key: str, now: datetime, days: int) -> bool:
    day = day_of(key)
    end = expires_at(day, days) if day else None
    return end is not None and end <= now


def _day_in(text: str) -> date | None:
    try:
        found = datetime.strptime(text, DAY).replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return found if found.strftime(DAY) == text else None
