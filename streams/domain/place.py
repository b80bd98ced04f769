"""Place events: what scrapes of one place tell of it. Names and fields are storage: add only."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from streams.domain.events import Fact, ItemsSpan
from streams.domain.ids import NAMESPACE, JobId

Review = Mapping[str, Any]
"""The fields of an item of the kind ``google_reviews``; times are datetimes, or ISO 8601."""

NARROWING = frozenset({"known_ids", "max_reviews", "since", "stop_at_known"})
"""Options of a scrape that does not look at the whole list."""
_ABOUT_THE_READER = frozenset({"authuser", "entry", "g_ep", "g_st", "gl", "hl", "ucbcb"})
"""Parameters of an address that do not say which place it is."""
_FEATURE_ID = re.compile(r"0x[0-9a-f]{1,16}:0x([0-9a-f]{1,16})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceScraped:
    """A job has ended that saw the place, and how the place stood then."""

    kind: str
    url: str
    """The page that was read."""
    title: str
    feature_id: str | None = None
    """The source's ids, when its page or address named them."""
    source_place_id: str | None = None
    rating: float | None = None
    reviews_total: int | None = None
    """Reviews that the page announced."""
    histogram: Mapping[str, int] = field(default_factory=dict)
    """Reviews by stars, as the page says; empty when it does not."""
    outcome: str
    """The job's, or ``failed`` or ``cancelled``."""
    items_count: int
    items: ItemsSpan | None = None
    began_at: datetime
    """When the job's first attempt began."""
    is_whole: bool
    """Whether it read the whole list: only then does a review that is missing mean something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReviewState:
    """What each event of a review says, so that its readers need no other event."""

    review_id: str
    review: Review
    """As it stands after the event."""
    first_seen_at: datetime
    changes: int = 0
    """Edits, replies, removals and returns so far, with this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAdded(_ReviewState):
    """A review was seen that was not there before."""

    is_initial: bool = False
    """It came with the place's first scrape: it may be years old."""
    is_return: bool = False
    """It had been removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewEdited(_ReviewState):
    """Its author changed it."""

    fields: tuple[str, ...]
    """Which of ``rating``, ``text``, ``sub_ratings``, ``photos_count``."""
    old_rating: float | None = None
    old_text: str | None = None
    old_sub_ratings: Mapping[str, float] = field(default_factory=dict)
    old_photos_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRemoved(_ReviewState):
    """A scrape of the whole list did not see it any more; ``review`` is what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerReplied(_ReviewState):
    """The owner answered, or changed the answer."""

    old_text: str | None = None
    """The reply before; None: the first one that we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRefreshed(_ReviewState):
    """No change by anybody: likes, or what an earlier scrape had not been able to read."""


ReviewEvent = ReviewAdded | ReviewEdited | ReviewRemoved | OwnerReplied | ReviewRefreshed
PlaceEvent = PlaceScraped | ReviewEvent
PLACE_EVENT_TYPES: Mapping[str, type[PlaceEvent]] = {
    cls.__name__: cls
    for cls in (
        PlaceScraped,
        ReviewAdded,
        ReviewEdited,
        ReviewRemoved,
        OwnerReplied,
        ReviewRefreshed,
    )
}
CHANGES = ("ReviewAdded", "ReviewEdited", "ReviewRemoved", "OwnerReplied")
"""Types of events that say that something happened at the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPlaceEvent:
    """A place event with its envelope; ``offset`` is -1 until it is in the log."""

    place_id: str
    job_id: JobId
    tenant: str
    event_id: str
    occurred_at: datetime
    event: PlaceEvent
    partition: int = 0
    offset: int = -1
    traceparent: str | None = None
    key_id: str | None = None
    """The key that the review is encrypted with, on its way to the log."""


def place_id_of(tenant: str, kind: str, facts: Mapping[str, Fact], url: str) -> str | None:
    """Our id of the place that a job found: 32 hexadecimal digits; None when it found none.

    The second half of a feature id is the place's number at the source, the same under all its
    addresses (``cid=`` is that number, and the first half may be 0x0). Tenants never share an
    id, and so never a history.
    """
    if "feature_id" not in facts:
        return None
    feature = _FEATURE_ID.fullmatch(str(facts["feature_id"] or ""))
    source_id = facts.get("place_id")
    if feature is not None:
        name = f"cid/{int(feature[1], 16)}"
    elif source_id:
        name = f"id/{source_id}"
    else:
        parts = urlsplit(str(facts.get("url") or url))
        kept = sorted(pair for pair in parse_qsl(parts.query) if pair[0] not in _ABOUT_THE_READER)
        name = f"page/{parts.netloc}{parts.path.rstrip('/')}?{urlencode(kept)}"
    return uuid.uuid5(NAMESPACE, f"{tenant}/place/{kind}/{name}").hex


def place_event_id(place_id: str, job_id: str, type_name: str, review_id: str = "") -> str:
    """The same event gets the same id each time it is written: a scrape is compared once."""
    return str(uuid.uuid5(NAMESPACE, f"{place_id}/{job_id}/{review_id}/{type_name}"))
