"""Reads reviews out of the answers that the page's own script gets over the network. Pure.

Two shapes hold the same list: ``POST …/batchexecute?rpcids=qv9Egd`` (chunks of rows, the list
as JSON text in one of them) and the older ``GET /maps/rpc/listugcposts`` (the bare list). Both
begin with ``)]}'``. A list is ``[null, cursor, [[entry], ...]]``; what stands where in an entry
is said in docs/reference/google-reviews.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapers.contract import Item
from scrapers.sites.google_reviews.relative_dates import relative_date_in

ANSWER_URLS = r"/batchexecute\?|/rpc/listugcposts\?"
"""Matches the URLs of these answers, and of some others: their content tells them apart."""

MOST_VALUES = 100
"""An answer has a handful; what begins more of them is made to keep us busy."""

_ROW = "wrb.fr"
_LIST_NAME = re.compile(r"ListUgcPosts|^qv9Egd$")
"""Names under which the list was seen: the method, and since 2026 also the bare id."""
_VALUE_START = re.compile(r"^\[", re.MULTILINE)
_CONTRIBUTOR = re.compile(r"/contrib/(\d+)")
_FIRST_REVIEWS_AT = datetime(2005, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECODER = json.JSONDecoder()


def reviews_in_answer(body: str, *, now: datetime) -> Iterator[Item]:
    """Every review of an answer, once, in its order; nothing for any other answer.

    ``position`` counts from 1 within ``body``. ``likes`` is null: answers do not hold it.
    """
    seen: set[str] = set()
    for found in _lists_in(body):
        for wrapped in found[2]:
            entry = _list(wrapped, 0) or []
            review_id = _text(entry, 0)
            if review_id and review_id not in seen and _is_review(entry):
                seen.add(review_id)
                yield _review(entry, review_id, len(seen), now)


def ends_list(body: str) -> bool:
    """Whether the answer brings reviews, and no cursor that more could be asked with."""
    return any(found[1] is None for found in _lists_in(body))


def _lists_in(body: str) -> Iterator[list[Any]]:
    """Each list of reviews in ``body``: ``[null, cursor, [[entry], ...]]``, not empty."""
    for value in _values_in(body):
        if _is_list(value):
            yield value
            continue
        for row in value:
            name, inner = _text(row, 1), _text(row, 2)
            if _text(row, 0) == _ROW and name and inner and _LIST_NAME.search(name):
                try:
                    payload = json.loads(inner)
                except (ValueError, RecursionError):
                    continue
                if _is_list(payload):
                    yield payload


def _values_in(body: str) -> Iterator[list[Any]]:
    """JSON arrays that begin a line; the lengths between them are passed over."""
    text = body.removeprefix(")]}'").lstrip()
    position = 0
    for _ in range(MOST_VALUES):
        found = _VALUE_START.search(text, position)
        if found is None:
            return
        try:
            value, position = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            position = found.end()
        else:
            yield value


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 2 and value[0] is None and bool(_list(value, 2))


def _is_review(entry: list[Any]) -> bool:
    """Whether it says who or when, and how many stars or what: half an entry is none."""
    has_head = _text(entry, 1, 4, 5, 0) is not None or _micros(entry, 1, 2) is not None
    has_body = _rating(entry) is not None or _text(entry, 2, 15, 0, 0) is not None
    return has_head and has_body


def _review(entry: list[Any], review_id: str, position: int, now: datetime) -> Item:
    text = _text(entry, 2, 15, 0, 0)
    translated = _text(entry, 2, 15, 1, 0)
    photos = _photo_urls(entry)
    reply = _text(entry, 3, 14, 0, 0)
    return {
        "review_id": review_id,
        **_author(entry),
        "rating": _rating(entry),
        "text": text,
        "is_text_complete": True if text else None,
        "language": _text(entry, 2, 14, 0) if text else None,
        "text_translated": translated,
        "translated_language": _text(entry, 2, 14, 1) if translated else None,
        **_dates(entry, now),
        "likes": None,
        "photo_urls": photos,
        "photos_count": len(photos),
        "owner_response_text": reply,
        "owner_response_language": _text(entry, 3, 13, 0) if reply else None,
        "owner_response_relative_date": _text(entry, 3, 3) if reply else None,
        "sub_ratings": _sub_ratings(entry),
        "position": position,
        "source": "network",
    }


def _author(entry: list[Any]) -> dict[str, object]:
    url = _url(entry, 1, 4, 2, 0) or _url(entry, 1, 4, 5, 2, 0)
    author_id = _text(entry, 1, 4, 5, 3)
    if author_id is None or not author_id.isdecimal():
        contributor = _CONTRIBUTOR.search(url or "")
        author_id = contributor[1] if contributor else None
    is_guide = _at(entry, 1, 4, 5, 8, 0)  # 0 and 1 as well as false and true were seen
    return {
        "author_name": _text(entry, 1, 4, 5, 0),
        "author_id": author_id,
        "author_url": url,
        "author_photo_url": _url(entry, 1, 4, 5, 1),
        "author_is_local_guide": bool(is_guide) if isinstance(is_guide, int) else None,
        "author_reviews_count": _count(entry, 1, 4, 5, 5),
        "author_photos_count": _count(entry, 1, 4, 5, 6),
    }


def _dates(entry: list[Any], now: datetime) -> dict[str, object]:
    """The date of the last change, as cards have it; estimated where the exact one is absent."""
    shown = _text(entry, 1, 6)
    posted, edited = _time(entry, now, 1, 2), _time(entry, now, 1, 3)
    is_edited = edited > posted if edited and posted else None
    exact = edited or posted
    estimate = None if exact or not shown else relative_date_in(shown)
    return {
        "relative_date": shown,
        "is_edited": estimate.is_edited if estimate else is_edited,
        "published_at": estimate.before(now) if estimate else exact,
        "published_at_precision": estimate.unit if estimate else "exact" if exact else None,
    }


def _rating(entry: list[Any]) -> float | None:
    stars = _number(entry, 2, 0, 0)
    return stars if stars is not None and 1 <= stars <= 5 else None


def _photo_urls(entry: list[Any]) -> list[str]:
    photos = _list(entry, 2, 2) or []
    return [url for photo in photos if (url := _url(photo, 1, 6, 0))]


def _sub_ratings(entry: list[Any]) -> dict[str, float]:
    """Questions answered with stars; the others ("Meal type: Dinner") are no ratings."""
    ratings: dict[str, float] = {}
    for question in _list(entry, 2, 6) or []:
        label, stars = _text(question, 5) or _text(question, 1), _number(question, 11, 0)
        if label and stars is not None and 1 <= stars <= 5:
            ratings[label] = stars
    return ratings


def _time(entry: list[Any], now: datetime, *path: int) -> datetime | None:
    micros = _micros(entry, *path)
    moment = None if micros is None else _EPOCH + timedelta(microseconds=micros)
    is_plausible = moment and _FIRST_REVIEWS_AT <= moment <= now + _CLOCK_SKEW
    return moment if is_plausible else None


def _micros(entry: list[Any], *path: int) -> int | None:
    micros = _count(entry, *path)
    return micros if micros is not None and micros < 10**17 else None


def _at(node: Any, *path: int) -> Any:
    for step in path:
        if not isinstance(node, list) or step >= len(node):
            return None
        node = node[step]
    return node


def _list(node: Any, *path: int) -> list[Any] | None:
    found = _at(node, *path)
    return found if isinstance(found, list) else None


def _text(node: Any, *path: int) -> str | None:
    """A text that is not blank, its ends trimmed as in cards; halves of letters replaced."""
    found = _at(node, *path)
    if not isinstance(found, str):
        return None
    whole = found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.strip() or None


def _url(node: Any, *path: int) -> str | None:
    found = _text(node, *path)
    return found if found and found.startswith(("https://", "http://")) else None


def _number(node: Any, *path: int) -> float | None:
    found = _at(node, *path)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number and abs(found) < 2**53 else None


def _count(node: Any, *path: int) -> int | None:
    found = _at(node, *path)
    is_count = isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**63
    return found if is_count else None
