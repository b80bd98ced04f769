"""What must be forgotten, and what is left of a record once it is.

A forgotten record keeps its place in the log and its skeleton (ids, times, numbers), so that
counts, offsets and audits hold; whatever a person wrote or is known by is gone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from streams.domain.events import JobEvent
from streams.domain.fold import LOST_MESSAGES
from streams.domain.ids import JobId
from streams.domain.items import RecordedItem
from streams.domain.job import Job
from streams.domain.place import PlaceScraped, RecordedPlaceEvent
from streams.domain.recorded import Recorded
from streams.domain.webhook import DeliveryScheduled, RecordedDelivery

ERASED = "Erased"
"""The schema that a forgotten item has in the store: a row without fields."""
ERASED_URL = "erased:"
LONG_NUMBER = re.compile(r"[0-9]{6,40}")
EDGES = ((1, 0), (0, 1), (1, 1))


class Subject(StrEnum):
    """What can be forgotten."""

    JOB = "job"
    PLACE = "place"
    AUTHOR = "author"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequested:
    """From here on nobody shows or stores again what this names."""

    erasure_id: str
    subject: Subject
    subject_hash: str
    job_ids: tuple[str, ...] = ()
    """Jobs that are forgotten as a whole; none for an author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCompleted:
    """What was removed where, and what a search still found."""

    erasure_id: str
    removed: Mapping[str, int] = field(default_factory=dict)
    remaining: Mapping[str, int] = field(default_factory=dict)


ErasureEvent = ErasureRequested | ErasureCompleted


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedErasure:
    """An erasure's event with its time."""

    event: ErasureEvent
    occurred_at: datetime


def subject_hash(subject: Subject, text: str) -> str:
    """The fingerprint that stands in the log for ``text``: SHA-256, hexadecimal.

    Without a key, so that none can be lost: an author who objected must stay out also after the
    keys were changed. An author's id has 21 digits: too many to try them all.
    """
    return hashlib.sha256(f"scrapestream/{subject}/{text}".encode()).hexdigest()


class RawLike(Protocol):
    """Bytes from a topic."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Erasures:
    """All that was asked to be forgotten so far. Grows only; shared by all who read the log."""

    __slots__ = ("authors", "jobs", "open", "requested")

    def __init__(self) -> None:
        self.jobs: set[str] = set()
        self.authors: set[str] = set()
        """Fingerprints of authors."""
        self.requested: dict[str, list[ErasureRequested]] = {}
        """The requests by erasure id, in the order of the log."""
        self.open: set[str] = set()
        """Erasures that nobody has completed yet."""

    def add(self, event: ErasureEvent) -> None:
        """Take an event of the log; twice changes nothing."""
        if isinstance(event, ErasureCompleted):
            self.open.discard(event.erasure_id)
            return
        self.requested.setdefault(event.erasure_id, []).append(event)
        self.open.add(event.erasure_id)
        self.jobs.update(event.job_ids)
        if event.subject is Subject.AUTHOR:
            self.authors.add(event.subject_hash)

    def __bool__(self) -> bool:
        return bool(self.jobs or self.authors)

    def is_forgotten(self, job_id: str, item: Mapping[str, Any]) -> bool:
        """Whether an item of a job must not be shown or stored."""
        return job_id in self.jobs or self.is_by_forgotten_author(item)

    def is_by_forgotten_author(self, item: Mapping[str, Any]) -> bool:
        """Whether the item's author has objected: that holds for later scrapes as well."""
        author = item.get("author_id") if self.authors else None
        return author is not None and subject_hash(Subject.AUTHOR, str(author)) in self.authors

    def item(self, item: RecordedItem) -> RecordedItem:
        """The item, or what is left of it."""
        if not self.is_forgotten(item.job_id, item.fields):
            return item
        return replace(item, schema=ERASED, fields={})

    def event(self, recorded: Recorded) -> Recorded:
        """The event, or what is left of it."""
        if recorded.job_id not in self.jobs:
            return recorded
        return recorded._replace(event=emptied_event(recorded.event))

    def job(self, job: Job) -> Job:
        """The job, or what is left of it: the same as folding the events that are left."""
        if job.job_id not in self.jobs:
            return job
        return replace(
            job,
            url=ERASED_URL,
            options={},
            metadata={},
            title="",
            facts={},
            message=_kept(job.message),
            cancel_reason="",
        )

    def delivery(self, recorded: RecordedDelivery) -> RecordedDelivery:
        """The webhook's event, or what is left of it."""
        if recorded.job_id not in self.jobs or not isinstance(recorded.event, DeliveryScheduled):
            return recorded
        return replace(recorded, event=replace(recorded.event, body=emptied_body(recorded.job_id)))

    def place_event(self, recorded: RecordedPlaceEvent) -> RecordedPlaceEvent:
        """The event of a place, or what is left of it."""
        review = getattr(recorded.event, "review", {})
        if not self.is_forgotten(recorded.job_id, review):
            return recorded
        return emptied_place_event(recorded)

    def left(self, state: Any) -> Any:
        """What is left of anything that a projection makes a row of."""
        if not self:
            return state
        match state:
            case RecordedItem():
                return self.item(state)
            case Recorded():
                return self.event(state)
            case Job():
                return self.job(state)
            case RecordedDelivery():
                return self.delivery(state)
            case RecordedPlaceEvent():
                return self.place_event(state)
        return state

    def hides_record(self, raw: RawLike) -> bool:
        """Whether a record must not be copied as it is: of a forgotten job, or by its author."""
        if not self:
            return False
        subject = next((value for name, value in raw.headers if name == "ce_subject"), raw.key)
        job_id = (subject or b"").decode("utf-8", "replace")
        text = (raw.value or b"").decode("utf-8", "replace") if self.authors else ""
        return self.hides_text(job_id, text)

    def hides_text(self, key: str | None, text: str) -> bool:
        """Whether bytes that nobody could decode belong to a forgotten job, or name its author."""
        if key in self.jobs:
            return True
        if not self.authors:
            return False
        # A length before or behind it may look like one more digit.
        runs = set(LONG_NUMBER.findall(text))
        numbers = runs | {run[first : len(run) - last] for run in runs for first, last in EDGES}
        return any(subject_hash(Subject.AUTHOR, each) in self.authors for each in numbers)


EMPTIED: Mapping[str, Any] = {
    "url": ERASED_URL,
    "options": {},
    "metadata": {},
    "title": "",
    "facts": {},
}


def emptied_event(event: JobEvent) -> JobEvent:
    """A job event without what it says of place, people and the client's own words."""
    names = {each.name for each in fields(event)}
    changes: dict[str, Any] = {name: value for name, value in EMPTIED.items() if name in names}
    if "message" in names:
        changes["message"] = _kept(getattr(event, "message"))  # noqa: B009 - not in every event
    if type(event).__name__ in {"CancelRequested", "ScrapeCancelled"}:
        changes["reason"] = ""  # the client's words; elsewhere it is a code of ours
    return replace(event, **changes) if changes else event


def emptied_place_event(recorded: RecordedPlaceEvent) -> RecordedPlaceEvent:
    """An event of a place that tells neither the place nor its review."""
    event = recorded.event
    if isinstance(event, PlaceScraped):
        left: Any = replace(
            event, url=ERASED_URL, title="", feature_id=None, source_place_id=None, histogram={}
        )
    else:
        left = replace(event, review={})
    return replace(recorded, event=left)


def is_emptied(recorded: RecordedPlaceEvent) -> bool:
    """Whether nothing is left of it but its place in the log."""
    event = recorded.event
    return event.url == ERASED_URL if isinstance(event, PlaceScraped) else not event.review


def emptied_body(job_id: JobId) -> str:
    """The body of a webhook that is left."""
    return f'{{"job_id":"{job_id}","erased":true}}'


def _kept(message: str) -> str:
    """A message that is always the same; all others may quote a page."""
    return message if message in LOST_MESSAGES.values() else ""


def job_ids_in(erasures: Iterable[ErasureRequested]) -> list[str]:
    """The jobs of the requests, each once."""
    return list(dict.fromkeys(job_id for each in erasures for job_id in each.job_ids))
