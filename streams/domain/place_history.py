"""What a scrape says against what is known of a place's reviews. Pure.

Comparing again after half of the events were stored gives the other half: each event leaves the
review as far as it tells, and what is the same gives none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from streams.domain.place import (
    OwnerReplied,
    Review,
    ReviewAdded,
    ReviewEdited,
    ReviewEvent,
    ReviewRefreshed,
    ReviewRemoved,
)

REPLY = ("owner_response_text", "owner_response_language", "owner_response_relative_date")
DATE = ("published_at", "published_at_precision", "relative_date")
FRESH = ("likes", "author_name")
"""Values whose change is told, and is nobody's edit of the review."""
LEARNT = (
    *("rating", "text", "language", "text_translated", "translated_language", "sub_ratings"),
    *("photos_count", "photo_urls", "published_at", "is_edited", "owner_response_language"),
)
"""Values that an earlier scrape may not have read: getting to know one is told too."""
PRECISIONS = ("exact", "minute", "hour", "day", "week", "month", "year")
ELLIPSES = ("…", "...")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A review as the place's events leave it."""

    review: Review
    is_present: bool
    first_seen_at: datetime
    seen_at: datetime
    """Of the newest event: what was seen before it says nothing new."""
    changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A review as a scrape has seen it."""

    review: Review
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What a comparison must know of the scrape."""

    began_at: datetime
    ended_at: datetime
    is_whole: bool
    missed: int = 0
    """Reviews that the page announced beyond those that its list showed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The scrapes of the place that were compared before this one; times are their beginnings."""

    newest_at: datetime | None = None
    newest_whole_at: datetime | None = None
    missed: int = 0
    """What the newest whole one missed."""


def compare(
    known: Mapping[str, Known], sightings: Iterable[Sighting], scrape: Scrape, earlier: Earlier
) -> Iterator[tuple[datetime, ReviewEvent]]:
    """The events of one scrape, each with when it was seen; at most one of a type a review.

    ``known`` holds the place's reviews by id, also removed ones; ``sightings`` each review once.
    """
    seen: set[str] = set()
    for sighting in sightings:
        review_id = str(sighting.review["review_id"])
        seen.add(review_id)
        before = known.get(review_id)
        if _is_outdated(sighting, before, earlier):
            continue
        if before is None or not before.is_present:
            yield sighting.seen_at, _added(review_id, sighting, before, earlier)
        else:
            for event in _changes(review_id, before, sighting.review):
                yield sighting.seen_at, event
    if not _can_miss(scrape, earlier):
        return
    for review_id, before in known.items():
        if before.is_present and review_id not in seen and before.seen_at < scrape.began_at:
            yield (
                scrape.ended_at,
                ReviewRemoved(
                    review_id=review_id,
                    review=before.review,
                    first_seen_at=before.first_seen_at,
                    changes=before.changes + 1,
                ),
            )


def _is_outdated(sighting: Sighting, before: Known | None, earlier: Earlier) -> bool:
    """Whether something newer has been said of the review, or of the whole list."""
    if before is not None and sighting.seen_at < before.seen_at:
        return True
    return earlier.newest_whole_at is not None and sighting.seen_at < earlier.newest_whole_at


def _can_miss(scrape: Scrape, earlier: Earlier) -> bool:
    """Whether a review that the scrape has not seen is gone.

    Pages announce a few reviews that their lists never show. A list that lacks more of them than
    the last time has lost some on the way: then nobody knows which are gone.
    """
    is_newest = earlier.newest_at is None or scrape.began_at >= earlier.newest_at
    return scrape.is_whole and is_newest and scrape.missed <= earlier.missed


def _added(
    review_id: str, sighting: Sighting, before: Known | None, earlier: Earlier
) -> ReviewAdded:
    if before is None:
        return ReviewAdded(
            review_id=review_id,
            review=sighting.review,
            first_seen_at=sighting.seen_at,
            is_initial=earlier.newest_at is None,
        )
    return ReviewAdded(
        review_id=review_id,
        review=_joined(before.review, sighting.review, REPLY),
        first_seen_at=before.first_seen_at,
        changes=before.changes + 1,
        is_return=True,
    )


def _changes(review_id: str, before: Known, new: Review) -> Iterator[ReviewEvent]:
    old, changes = before.review, before.changes
    fields = tuple(_edited(old, new))
    has_replied = _has_replied(old, new)
    # First the author's part alone: a crash before the second event must leave it to be found.
    author_part = _joined(old, new, (), is_edit=bool(fields))
    if fields:
        changes += 1
        yield ReviewEdited(
            review_id=review_id,
            review=author_part,
            first_seen_at=before.first_seen_at,
            changes=changes,
            fields=fields,
            old_rating=old.get("rating"),
            old_text=old.get("text"),
            old_sub_ratings=old.get("sub_ratings") or {},
            old_photos_count=old.get("photos_count"),
        )
    if has_replied:
        yield OwnerReplied(
            review_id=review_id,
            review=_joined(author_part, new, REPLY),
            first_seen_at=before.first_seen_at,
            changes=changes + 1,
            old_text=old.get(REPLY[0]),
        )
    if not fields and not has_replied and _is_fresher(old, author_part):
        yield ReviewRefreshed(
            review_id=review_id,
            review=author_part,
            first_seen_at=before.first_seen_at,
            changes=changes,
        )


def _edited(old: Review, new: Review) -> Iterator[str]:
    """The fields that the author has changed; one that is unknown on a side never is."""
    if None not in (old.get("rating"), new.get("rating")) and old["rating"] != new["rating"]:
        yield "rating"
    # A text where none was read: written later only if the page says that the review was edited.
    if old.get("text") is None:
        is_other = new.get("text") is not None and new.get("is_edited") is True
    else:
        is_other = new.get("text") is not None and not (
            _is_same(old["text"], new["text"])
            or (old.get("is_text_complete") is False and _begins(new["text"], old["text"]))
            or (new.get("is_text_complete") is False and _begins(old["text"], new["text"]))
        )
    if is_other:
        yield "text"
    aspects, new_aspects = old.get("sub_ratings") or {}, new.get("sub_ratings") or {}
    # In another language the labels are others.
    if aspects.keys() == new_aspects.keys() and dict(aspects) != dict(new_aspects):
        yield "sub_ratings"
    photos = (old.get("photos_count"), new.get("photos_count"))
    if new.get("is_edited") is True and None not in photos and photos[0] != photos[1]:
        yield "photos_count"


def _has_replied(old: Review, new: Review) -> bool:
    """Whether there is another reply; an unknown one is no withdrawn one."""
    before, after = old.get(REPLY[0]), new.get(REPLY[0])
    if before is None or after is None:
        return after is not None
    is_cut = before.endswith(ELLIPSES) and _begins(after, before)
    is_cut_now = after.endswith(ELLIPSES) and _begins(before, after)
    return not (_is_same(before, after) or is_cut or is_cut_now)


def _is_same(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but spaces and the way of writing accents."""
    return _plain(one) == _plain(other)


def _begins(whole: str, part: str) -> bool:
    """Whether ``part`` is the beginning of ``whole``, cut with dots or without."""
    cut = _plain(part)
    for dots in ELLIPSES:
        cut = cut.removesuffix(dots).rstrip()
    return _plain(whole).startswith(cut)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _joined(old: Review, new: Review, reply: tuple[str, ...], *, is_edit: bool = False) -> Review:
    """``new`` over ``old``, without what ``new`` does not know; of the reply only ``reply``."""
    left_out = set(REPLY) - set(reply)
    if not is_edit and _precision(old) <= _precision(new):
        left_out.update(DATE)  # "2 days ago" tells the date better than "a year ago", for ever
    is_cut = new.get("is_text_complete") is False
    if is_cut and old.get("text") and new.get("text") and _begins(old["text"], new["text"]):
        left_out.update(("text", "is_text_complete"))
    aspects = old.get("sub_ratings") or {}
    if aspects and aspects.keys() != (new.get("sub_ratings") or {}).keys():
        left_out.add("sub_ratings")
    if old.get("translated_language") not in (None, new.get("translated_language")):
        left_out.update(("text_translated", "translated_language"))
    taken = {
        name: value
        for name, value in new.items()
        if name not in left_out and value not in (None, [], {})
    }
    return {**old, **taken}


def _precision(review: Review) -> int:
    """How exact the date is: 0 is best."""
    if review.get("published_at") is None:
        return len(PRECISIONS)
    name = review.get("published_at_precision")
    return PRECISIONS.index(name) if name in PRECISIONS else len(PRECISIONS) - 1


def _is_fresher(old: Review, joined: Review) -> bool:
    """Whether ``joined`` has something to tell that ``old`` has not."""
    if any(old.get(name) != joined.get(name) for name in FRESH):
        return True
    if old.get("is_text_complete") is False and joined.get("is_text_complete") is True:
        return True
    return any(
        old.get(name) in (None, [], {}) and joined.get(name) not in (None, [], {})
        for name in LEARNT
    )
