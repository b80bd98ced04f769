"""Points of a job's history in requests: an event's number, or a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.links import Links
from api.payloads import job_payload
from api.problems import MalformedRequestError
from api.story import position_text
from streams.domain.fold import fold
from streams.domain.history import number_at
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.errors import ScrapestreamError

NUMBER = re.compile(r"[0-9]{1,9}")
BLANK_ZONE = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")


class BeforeFirstEventError(ScrapestreamError):
    """The job did not exist at the point that was asked for."""

    code = "history.before_first_event"


class AfterLastEventError(ScrapestreamError):
    """The point that was asked for is not there yet."""

    code = "history.after_last_event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A job as it stood after one of its events."""

    number: int
    """Of the event, from 1 in the order of the log."""
    recorded: Recorded
    job: Job


def point_in(text: str, events: Sequence[Recorded], name: str, now: datetime) -> Point:
    """The point of a job's history that ``text``, the query's ``name``, means.

    ``events`` are all of the job's, ``now`` is aware.

    Raises:
        MalformedRequestError: it is neither a number nor a time.
        BeforeFirstEventError: the job did not exist then.
        AfterLastEventError: there is no such event yet, or the time has not come.
    """
    first, last = _place_text(1, events[0]), _place_text(len(events), events[-1])
    if NUMBER.fullmatch(text):
        number = int(text)
        if number > len(events):
            raise AfterLastEventError(f"`{name}` is {number}, but the job's newest event is {last}")
        if number == 0:
            raise BeforeFirstEventError(f"`{name}` is 0, but the job's first event is {first}")
    else:
        moment = _moment_in(text, name)
        if moment > now:
            raise AfterLastEventError(
                f"`{name}` is in the future; the job's newest event is {last}"
            )
        number = number_at(events, moment)
        if number == 0:
            raise BeforeFirstEventError(
                f"the job did not exist at that time: its first event is {first}"
            )
    job = fold(events[:number])
    assert job is not None  # noqa: S101 - the job was found, so its first event asks for it
    return Point(number=number, recorded=events[number - 1], job=job)


def place_payload(point: Point) -> dict[str, Any]:
    """Which event a point is."""
    recorded = point.recorded
    return {
        "event": point.number,
        "id": position_text(recorded.partition, recorded.offset),
        "type": type(recorded.event).__name__,
        "occurred_at": recorded.occurred_at,
    }


def state_payload(job: Job, links: Links) -> dict[str, Any]:
    """The contract's job, and what the roles know of it beside."""
    return {
        **job_payload(job, links),
        "attempt_state": job.attempt_state,
        "attempts_spent": job.attempts_spent,
        "worker": job.worker,
        "due_at": job.due_at,
        "cancel_reason": job.cancel_reason or None,
        "events_count": job.events_count,
    }


def _moment_in(text: str, name: str) -> datetime:
    # In a query a plus sign that was not written as %2B arrives as a blank.
    try:
        moment = datetime.fromisoformat(BLANK_ZONE.sub("+", text))
    except ValueError:
        raise MalformedRequestError(
            f"`{name}` is neither the number of an event, from 1, nor a time such as "
            "2026-11-22T12:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _place_text(number: int, recorded: Recorded) -> str:
    return f"number {number}, of {recorded.occurred_at.isoformat()}"
