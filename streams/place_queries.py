"""What readers ask of places: questions, answers, and who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceQuery:
    """Which places to list, the newest scraped first."""

    tenant: str = "public"
    text: str = ""
    """Part of the title; empty: all."""
    before: tuple[datetime, str] | None = None
    """(scraped_at, place_id) of the last place that the reader has."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewQuery:
    """Which reviews of a place to list, the last published first."""

    place_id: str
    tenant: str = "public"
    ratings: frozenset[float] = frozenset()
    """Empty: all."""
    languages: frozenset[str] = frozenset()
    """Primary subtags such as ``pt``, or whole tags such as ``pt-BR``; empty: all."""
    published_from: datetime | None = None
    published_before: datetime | None = None
    text: str = ""
    """Part of the text, its translation or the reply, in any case."""
    has_photo: bool | None = None
    has_reply: bool | None = None
    is_changed: bool | None = None
    """Whether it was edited, answered, removed or came back since it was first seen."""
    changed_from: datetime | None = None
    is_present: bool | None = True
    """None: removed ones too."""
    after: tuple[int, str] | None = None
    """(microseconds of published_at, review_id) of the last review that the reader has."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeQuery:
    """Which events of a place's reviews to list, the newest first."""

    place_id: str
    tenant: str = "public"
    types: Sequence[str]
    with_initial: bool = False
    """Also reviews of the first scrape, which were there before."""
    from_at: datetime | None = None
    review_id: str = ""
    before: int | None = None
    """Offset of the last event that the reader has."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """Some reviews of a place."""

    reviews: Sequence[Row]
    """The review's own fields, with ``is_present``, ``first_seen_at``, ``seen_at``, ``changes``
    and ``job_id`` of its newest event."""
    next_after: tuple[int, str] | None = None
    """For the next page; None at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """A place in numbers."""

    place: Row
    scrapes: Sequence[Row] = ()
    """Rating and reviews as the page said them, one row a scrape, oldest first."""
    months: Sequence[Row] = ()
    """Reviews and their mean rating by month of publication, oldest first."""
    histogram: Mapping[str, int] = field(default_factory=dict)
    """Present reviews that we know, by stars."""


class PlaceReader(Protocol):
    """The read side of places. Each method raises StoreUnavailableError."""

    async def find_places(self, query: PlaceQuery) -> Sequence[Row]:
        """One row more than asked for tells that there are more."""

    async def find_place(self, place_id: str, tenant: str) -> PlaceFacts | None:
        """All about a place; None when the tenant has no such place."""

    async def has_place(self, place_id: str, tenant: str) -> bool:
        """Whether the tenant has this place."""

    async def find_reviews(self, query: ReviewQuery) -> ReviewPage:
        """A page of reviews."""

    async def count_reviews(self, query: ReviewQuery) -> int:
        """How many there are, whatever the page."""

    async def find_changes(self, query: ChangeQuery) -> Sequence[Row]:
        """One row more than asked for tells that there are more."""
