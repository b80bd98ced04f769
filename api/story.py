"""A job's events as SSE messages: each made once, for all who listen."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from sse_starlette.event import ServerSentEvent

from streams.domain.events import (
    AttemptFailed,
    AttemptLost,
    CancelRequested,
    ExtractionReported,
    ScrapeCancelled,
    ScrapeCompleted,
    ScrapeFailed,
    TargetDescribed,
)
from streams.domain.fold import evolve
from streams.domain.job import Job
from streams.domain.recorded import Recorded


class Story:
    """The messages of one job, from its first event to the one that ends it.

    Messages depend on the job's events alone, so every process makes the same ones and a
    stream may go on at another process.
    """

    def __init__(self) -> None:
        self.job: Job | None = None
        """The job after the newest message."""
        self.offsets: list[int] = []
        self.messages: list[bytes] = []
        self.listeners: set[asyncio.Event] = set()
        """Set when a message comes."""

    @property
    def is_over(self) -> bool:
        """Whether its last message is there."""
        return self.job is not None and not self.job.is_open

    def tell(self, recorded: Recorded) -> None:
        """Add an event, in the order of the log. One that comes twice or too late is left out."""
        before = self.job
        if self.is_over:
            return
        after = evolve(before, recorded)
        if after is None or after is before:
            return
        self.job = after
        self.offsets.append(recorded.offset)
        self.messages.append(_message(recorded, after))
        for listener in self.listeners:
            listener.set()


def position_text(partition: int, offset: int) -> str:
    """An event's id for clients: its place in the log."""
    return f"{partition}-{offset}"


def state_of(job: Job) -> dict[str, Any]:
    """What every message says of the job."""
    return {
        "stage": job.stage,
        "status": job.status,
        "reviews_loaded": job.items_count,
        "reviews_total": job.items_total,
        "progress": job.progress,
    }


def _message(recorded: Recorded, job: Job) -> bytes:
    return ServerSentEvent(
        msgspec.json.encode(_fields(recorded, job)).decode(),
        id=position_text(recorded.partition, recorded.offset),
        sep="\n",
    ).encode()


def _fields(recorded: Recorded, job: Job) -> dict[str, Any]:
    """What a client needs to draw the job after this event; ``stage`` first, for people."""
    return {
        **state_of(job),
        **_own_fields(recorded, job),
        "attempt": job.attempt,
        "type": type(recorded.event).__name__,
        "seq": job.events_count,
        "at": recorded.occurred_at,
    }


def _own_fields(recorded: Recorded, job: Job) -> dict[str, Any]:
    match recorded.event:
        case TargetDescribed(title=title):
            return {"title": title}
        case ExtractionReported(sources=sources):
            return {"sources": sources}  # its selectors are for those who keep the scrapers
        case AttemptFailed(message=message, reason=reason):
            return {"error": message, "error_code": reason}
        case AttemptLost(reason=reason):
            return {"error": job.message, "error_code": reason}
        case CancelRequested(reason=reason):
            return {"reason": reason}
        case ScrapeCompleted(outcome=outcome, items_count=total):
            return {"total": total, "outcome": outcome}
        case ScrapeFailed(message=message, reason=reason, items_count=total):
            return {"total": total, "error": message, "error_code": reason}
        case ScrapeCancelled(reason=reason, items_count=total):
            return {"total": total, "reason": reason}
        case _:
            return {}
