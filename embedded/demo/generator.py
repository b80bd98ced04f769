"""Makes the reviews of a demo place: the same ones for the same seed, name and number."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from embedded.demo.dice import age_of, owner_reply, review_id, sub_ratings, text_of
from embedded.demo.look import Look
from embedded.demo.texts import NAMES, paragraph, reply, shortened

DEFAULT_PLACE = "Cafe Central"
DEFAULT_REVIEWS = 244
DEFAULT_SEED = 7
STARS = (5, 4, 3, 2, 1)
STAR_WEIGHTS = (58, 22, 9, 4, 7)
SORTS = ("relevant", "newest", "highest", "lowest")
UNIT_MINUTES = {
    "minute": 1,
    "hour": 60,
    "day": 1_440,
    "week": 10_080,
    "month": 43_800,
    "year": 525_600,
}
EDITED, REPLACED, ANSWERED = CHANGING = (0, 1, 2)
"""Reviews that change from round to round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKey:
    """What tells demo places apart."""

    name: str = DEFAULT_PLACE
    reviews: int = DEFAULT_REVIEWS
    seed: int = DEFAULT_SEED
    round: int = 1
    """From the second on, the place has changed: see ``demo_review``."""

    @property
    def feature_id(self) -> str:
        """Like Google's, and stable: two hexadecimal numbers."""
        random = Random(f"{self.seed}/{self.name}/feature")  # noqa: S311 - a demo, not a secret
        return f"0x{random.getrandbits(62):x}:0x{random.getrandbits(62):x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReview:
    """One review: what a scraper must find, and how the page shows it at first."""

    truth: Mapping[str, Any]
    """In the terms of the item schema, with ages (amount, unit) instead of dates; addresses
    are paths on this site."""
    is_shown_translated: bool
    """The page shows the translation until its switch is pressed."""
    whole_text: str | None
    """The text with the end that a page may have lost."""
    translation: str | None
    """The text in English, for reviews in other languages."""
    details: Sequence[str]
    """Lines such as "Visited on Weekday" that are no ratings."""


def generate(
    seed: int,
    count: int,
    *,
    place: str = DEFAULT_PLACE,
    base_url: str = "",
    now: datetime | None = None,
    look: Look | None = None,
) -> list[dict[str, Any]]:
    """The first ``count`` reviews in the item schema's terms, in the order of the list.

    ``base_url`` goes before every address, as the page does; ages count back from ``now``.
    """
    key = PlaceKey(name=place, reviews=count, seed=seed)
    return [truth_of(demo_review(key, index), base_url, now, look) for index in range(count)]


def truth_of(
    review: DemoReview, base_url: str, now: datetime | None = None, look: Look | None = None
) -> dict[str, Any]:
    """What a scraper of ``base_url`` must find at ``now``, when the cards have this ``look``."""
    look = look or Look()
    truth = dict(review.truth)
    amount, unit = truth.pop("age")
    truth["published_at"] = _published_at(now or datetime.now(UTC), amount, unit)
    truth["relative_date"] = relative_date(review, look)
    truth["owner_response_relative_date"] = reply_date(review, look)
    del truth["owner_response_age"]
    if look.is_truncated:
        truth |= _cut(truth)
    truth["author_photo_url"] = base_url + truth["author_photo_url"]
    truth["photo_urls"] = [base_url + path for path in truth["photo_urls"]]
    return truth


def relative_date(review: DemoReview, look: Look) -> str:
    """When the review was written, as its card says it."""
    shown = look.labels.date(*review.truth["age"], is_edited=review.truth["is_edited"])
    if look.layout != "hotel":
        return shown
    return look.labels.on_google.format(shown).replace("<span>", "").replace("</span>", "")


def reply_date(review: DemoReview, look: Look) -> str | None:
    """When the owner answered, as the card says it."""
    age = review.truth["owner_response_age"]
    return None if age is None else look.labels.date(*age)


def _cut(truth: Mapping[str, Any]) -> dict[str, Any]:
    """The texts of a page that has no buttons for their ends."""
    pairs = (
        ("text", "language"),
        ("text_translated", "translated_language"),
        ("owner_response_text", "owner_response_language"),
    )
    cut: dict[str, Any] = {}
    for text, language in pairs:
        if truth[text] is not None:
            cut[text] = shortened(truth[text], truth[language]) or truth[text]
    if cut.get("text", truth["text"]) != truth["text"]:
        cut["is_text_complete"] = False
    return cut


@lru_cache(maxsize=64)
def star_list(key: PlaceKey) -> tuple[int, ...]:
    """The ratings of a place in the order of its list."""
    random = Random(f"{key.seed}/{key.name}/stars")  # noqa: S311
    return tuple(random.choices(STARS, STAR_WEIGHTS, k=key.reviews))


@lru_cache(maxsize=64)
def list_order(key: PlaceKey, sort: str) -> Sequence[int]:
    """Indexes of a place's reviews in the order ``sort``; equal ones keep the usual order."""
    indexes = range(key.reviews)
    match sort:
        case "newest":
            return sorted(indexes, key=lambda index: _age_minutes(key, index))
        case "highest":
            return sorted(indexes, key=lambda index: -star_list(key)[index])
        case "lowest":
            return sorted(indexes, key=lambda index: star_list(key)[index])
    return indexes


def _age_minutes(key: PlaceKey, index: int) -> int:
    amount, unit = demo_review(key, index).truth["age"]
    return int(amount) * UNIT_MINUTES[unit]


def demo_review(key: PlaceKey, index: int) -> DemoReview:
    """The review at ``index`` of the list, from 0.

    In each round after the first, the first review has another text, the second one is gone and
    another in its place, and the third has another reply of the owner.
    """
    if key.round == 1 or index not in CHANGING:
        return _written(key, index, str(index))
    random = Random(f"{key.seed}/{key.name}/{index}/{key.round}")  # noqa: S311
    if index == REPLACED:
        return _written(key, index, f"{index}/{key.round}")
    review = _written(key, index, str(index))
    if index == ANSWERED:
        answer = reply(random, "en", review.truth["author_name"], 1)
        changed = {
            "owner_response_text": f"Round {key.round}: {answer}",
            "owner_response_language": "en",
            "owner_response_age": (1, "day"),
        }
        return replace(review, truth={**review.truth, **changed})
    text = f"Round {key.round}: {paragraph(random, 'en', 1)[0]}"
    edited = {
        "text": text,
        "is_text_complete": True,
        "language": "en",
        "text_translated": None,
        "translated_language": None,
        "is_edited": True,
    }
    return replace(
        review,
        truth={**review.truth, **edited},
        is_shown_translated=False,
        whole_text=text,
        translation=None,
    )


def _written(key: PlaceKey, index: int, name_of_dice: str) -> DemoReview:
    """A review from dice of this name."""
    random = Random(f"{key.seed}/{key.name}/{name_of_dice}")  # noqa: S311
    rating = star_list(key)[index]
    name = random.choice(NAMES)
    author_id = str(random.randrange(10**20, 10**21))
    age = age_of(random)
    is_edited = random.random() < 0.12
    text = text_of(random, index)
    photos = random.choices((0, 1, 2, 3, 4, 9, 41), (60, 12, 8, 6, 5, 5, 4))[0]
    tiles = min(photos, 4)
    guide = random.random() < 0.4
    return DemoReview(
        truth={
            "review_id": review_id(random, index),
            "author_name": name,
            "author_id": author_id,
            "author_url": f"https://www.google.com/maps/contrib/{author_id}/reviews?hl=en",
            "author_photo_url": f"/demo-pictures/face/{random.randrange(10**6)}.svg",
            "author_is_local_guide": guide,
            "author_reviews_count": random.choice((None, 1, 12, 87, 1_204)),
            "author_photos_count": random.choice((None, 1, 35, 2_310, 11_362)),
            "rating": float(rating),
            "text": text.original,
            "is_text_complete": None if text.original is None else not text.is_lost,
            "language": text.language,
            "text_translated": text.translation if text.is_shown_translated else None,
            "translated_language": "en" if text.is_shown_translated else None,
            "is_edited": is_edited,
            "age": age,
            "published_at_precision": age[1],
            "likes": random.choices((0, 1, 4, 23, 1_530), (70, 12, 10, 6, 2))[0],
            "photo_urls": [f"/demo-pictures/photo/{index}-{tile}.svg" for tile in range(tiles)],
            "photos_count": photos,
            **owner_reply(random, name),
            "sub_ratings": sub_ratings(random, rating),
            "position": index + 1,
            "source": "dom",
        },
        is_shown_translated=text.is_shown_translated,
        whole_text=text.whole,
        translation=text.translation,
        details=("Visited on Weekday", "Wait time No wait") if random.random() < 0.15 else (),
    )


def _published_at(now: datetime, amount: int, unit: str) -> datetime:
    """Back from ``now``, cut to the minute, the hour or the day as the schema's estimate is."""
    now = now.astimezone(UTC).replace(second=0, microsecond=0)
    if unit == "minute":
        return now - timedelta(minutes=amount)
    if unit == "hour":
        return now.replace(minute=0) - timedelta(hours=amount)
    day = now.replace(hour=0, minute=0)
    if unit in {"day", "week"}:
        return day - timedelta(days=amount * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 - amount * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    return day.replace(
        year=year, month=month, day=min(day.day, calendar.monthrange(year, month)[1])
    )
