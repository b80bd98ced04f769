"""Dead letters: records that could not be processed, and what became of them. Pure.

Kafka only appends. A letter is resolved by a marker behind it in the same topic, which names its
place; what has no marker is still open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from streams.ports import Headers, NewRecord, RawRecord
from streams.topics import SCRAPE_DLQ, WEBHOOK_DLQ

DLQ_TOPICS = (SCRAPE_DLQ, WEBHOOK_DLQ)

REASON, ERROR, REJECTED_AT = "dlq_reason", "dlq_error", "dlq_at"
TOPIC, PARTITION, OFFSET = "dlq_topic", "dlq_partition", "dlq_offset"
RESOLVED, RESOLUTION = "dlq_resolved", "dlq_resolution"
REQUEUED_FROM = "requeued_from"

UNREADABLE = "unreadable_record"
EXHAUSTED = "webhook_exhausted"
UNKNOWN = "unknown"
ERRORS = (UNREADABLE, EXHAUSTED, UNKNOWN)
"""Classes of errors: few, so that they can label a metric."""

MOST_KNOWN = 50_000
"""Letters of a topic that a process knows: some 50 MB."""
LONGEST_REASON = 2_000
LONGEST_KEY_BYTES = 512

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Resolution(StrEnum):
    """What an operator did with a letter."""

    REQUEUED = "requeued"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A record in a dead-letter topic; its bytes stay there."""

    place: Place
    """Where it lies among the dead letters."""
    error: str
    """One of ``ERRORS``."""
    reason: str
    rejected_at: datetime | None = None
    original: Place | None = None
    """Where it came from; None when its headers do not say."""
    requeued_from: str = ""
    """The letter that it was before it was tried again."""
    key: str = ""
    size_bytes: int = 0
    resolution: Resolution | None = None

    @property
    def id(self) -> str:
        """Such as ``scrape-dlq/0/17``."""
        return place_text(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A letter was resolved."""

    partition: int
    offset: int
    resolution: Resolution


class Letters:
    """The fold of one dead-letter topic, of its newest letters when it has very many."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._letters: dict[Place, Letter] = {}
        self._newest_of: dict[Place, Place] = {}
        self._resolved: dict[Place, None] = {}  # oldest first
        self.left_out = 0
        """Open letters that are too many to be known; they are in the topic all the same."""

    def apply(self, raw: RawRecord) -> Letter | None:
        """Fold one record in; the letter, if it is one that was not there before."""
        match read(raw):
            case Marker() as marker:
                self._resolve((raw.topic, marker.partition, marker.offset), marker.resolution)
                return None
            case Letter() as letter:
                is_new = self._add(letter)
                while len(self._letters) > self._most:
                    self._forget_one()
                return letter if is_new else None

    def open(self) -> list[Letter]:
        """Letters that nobody resolved, newest first."""
        return [letter for letter in reversed(self._letters.values()) if letter.resolution is None]

    def find(self, place: Place) -> Letter | None:
        """The letter at a place, resolved or not."""
        return self._letters.get(place)

    def _add(self, letter: Letter) -> bool:
        before = None if letter.original is None else self._newest_of.get(letter.original)
        self._letters[letter.place] = letter
        if letter.original is not None:
            self._newest_of[letter.original] = letter.place
        if before is None:
            return True
        # Rejected twice, as after a crash: one letter, which keeps what became of it.
        earlier = self._letters.pop(before)
        self._letters[letter.place] = replace(letter, resolution=earlier.resolution)
        if earlier.resolution is not None:
            del self._resolved[before]
            self._resolved[letter.place] = None
        return False

    def _resolve(self, place: Place, resolution: Resolution) -> None:
        letter = self._letters.get(place)
        if letter is not None and letter.resolution is None:
            self._letters[place] = replace(letter, resolution=resolution)
            self._resolved[place] = None

    def _forget_one(self) -> None:
        """The oldest that nobody needs any more, or else the oldest."""
        place = next(iter(self._resolved or self._letters))
        letter = self._letters.pop(place)
        if letter.resolution is None:
            self.left_out += 1
        else:
            del self._resolved[place]
        if letter.original is not None:
            del self._newest_of[letter.original]


def read(raw: RawRecord) -> Letter | Marker:
    """What a record of a dead-letter topic is. Total: headers may be missing or strange."""
    headers = {name: value.decode("utf-8", "replace") for name, value in raw.headers}
    partition, _, offset = headers.get(RESOLVED, "").partition("-")
    resolution = headers.get(RESOLUTION, "")
    if partition.isdecimal() and offset.isdecimal() and resolution in set(Resolution):
        return Marker(
            partition=int(partition), offset=int(offset), resolution=Resolution(resolution)
        )
    error = headers.get(ERROR) or (EXHAUSTED if raw.topic == WEBHOOK_DLQ else UNREADABLE)
    return Letter(
        place=(raw.topic, raw.partition, raw.offset),
        error=error if error in ERRORS else UNKNOWN,
        reason=headers.get(REASON, "")[:LONGEST_REASON],
        rejected_at=_moment(headers.get(REJECTED_AT, "")),
        original=_place(headers),
        requeued_from=headers.get(REQUEUED_FROM, ""),
        key=(raw.key or b"")[:LONGEST_KEY_BYTES].decode("utf-8", "replace"),
        size_bytes=len(raw.value or b""),
    )


def rejection(raw: RawRecord, reason: str, error: str, at: datetime, *, to: str) -> NewRecord:
    """The record by which ``raw`` becomes a letter."""
    headers = [
        *_own_headers(raw),
        (REASON, reason.encode()),
        (ERROR, error.encode()),
        (REJECTED_AT, at.isoformat().encode()),
        (TOPIC, raw.topic.encode()),
        (PARTITION, str(raw.partition).encode()),
        (OFFSET, str(raw.offset).encode()),
    ]
    return NewRecord(topic=to, key=raw.key, value=raw.value, headers=headers)


def requeued(raw: RawRecord, original: Place) -> NewRecord:
    """The record by which a letter goes back: the same bytes, and a header that says so."""
    name = place_text((raw.topic, raw.partition, raw.offset))
    headers = [
        *(pair for pair in _own_headers(raw) if pair[0] != REQUEUED_FROM),
        (REQUEUED_FROM, name.encode()),
    ]
    return NewRecord(topic=original[0], key=raw.key, value=raw.value, headers=headers)


def marker(place: Place, resolution: Resolution, at: datetime) -> NewRecord:
    """The record that resolves a letter."""
    topic, partition, offset = place
    headers = [
        (RESOLVED, f"{partition}-{offset}".encode()),
        (RESOLUTION, resolution.encode()),
        (REJECTED_AT, at.isoformat().encode()),
    ]
    return NewRecord(topic=topic, key=place_text(place).encode(), value=None, headers=headers)


def place_text(place: Place) -> str:
    """A place as one word."""
    topic, partition, offset = place
    return f"{topic}/{partition}/{offset}"


def place_in(text: str) -> Place | None:
    """The place that ``place_text`` wrote; None when it is none of a dead letter."""
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if topic not in DLQ_TOPICS or not (_is_number(partition) and _is_number(offset)):
        return None
    return topic, int(partition), int(offset)


def chosen(
    letters: Iterable[Letter],
    *,
    reason: str = "",
    since: datetime | None = None,
    ids: frozenset[str] = frozenset(),
) -> list[Letter]:
    """Those that fit: ``reason`` is a class, or a part of the reason in any case."""
    wanted = reason.casefold()
    return [
        letter
        for letter in letters
        if (not ids or letter.id in ids)
        and (not wanted or wanted == letter.error or wanted in letter.reason.casefold())
        and (since is None or (letter.rejected_at is not None and letter.rejected_at >= since))
    ]


def _own_headers(raw: RawRecord) -> Headers:
    return [pair for pair in raw.headers if not pair[0].startswith("dlq_")]


def _place(headers: Mapping[str, str]) -> Place | None:
    topic, partition, offset = (headers.get(name, "") for name in (TOPIC, PARTITION, OFFSET))
    if not topic or not (_is_number(partition) and _is_number(offset)):
        return None
    return topic, int(partition), int(offset)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
