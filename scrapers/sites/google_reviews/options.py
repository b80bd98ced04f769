"""What a client may ask of a scrape of reviews."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.errors import InvalidRequestError

SORTS = ("relevant", "newest", "highest", "lowest")
"""In the order of the page's menu; the first is the page's own order."""
NEWEST = "newest"
NAMES = ("known_ids", "language", "max_reviews", "since", "sort", "stop_at_known")
LARGEST_MAX_REVIEWS = 1_000_000
MOST_KNOWN_IDS = 1_000
LONGEST_SHOWN = 40
"""Characters of a refused value that its error repeats."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LANGUAGE = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?", re.ASCII | re.IGNORECASE
)
_REVIEW_ID = re.compile(r"[\w+/=-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one scrape."""

    sort: str = SORTS[0]
    max_reviews: int | None = None
    """The scrape ends with so many distinct reviews of the job; None: with the list."""
    since: datetime | None = None
    """Reviews that are surely older are left out, and end the scrape."""
    known_ids: frozenset[str] = frozenset()
    """Reviews that the client has: they are left out."""
    stop_at_known: bool = False
    """Some of ``known_ids`` in a row end the scrape."""
    language: str | None = None
    """BCP 47, in its usual case such as ``pt-BR``; None: the page's own choice."""


def read_options(given: Mapping[str, str]) -> Options:
    """Options as a client sends them: texts.

    Raises:
        InvalidRequestError: an unknown name or an unusable value; says which are known.
    """
    for name in given:
        if name not in NAMES:
            raise InvalidRequestError(
                f"`options` has no {name[:LONGEST_SHOWN]!r} for google_reviews; "
                f"known are {', '.join(NAMES)}"
            )
    known_ids = _known_ids(given.get("known_ids"))
    stop_at_known = _yes(given.get("stop_at_known"))
    if stop_at_known and not known_ids:
        raise InvalidRequestError(
            "`options.stop_at_known` needs `options.known_ids`: ids of reviews that you have, "
            "the newest first, separated by commas"
        )
    since = _since(given.get("since"))
    return Options(
        sort=_sort(given.get("sort"), needs_newest=since is not None or stop_at_known),
        max_reviews=_max_reviews(given.get("max_reviews")),
        since=since,
        known_ids=known_ids,
        stop_at_known=stop_at_known,
        language=_language(given.get("language")),
    )


def check_options(given: Mapping[str, str]) -> None:
    """Raise what ``read_options`` raises."""
    read_options(given)


def _sort(text: str | None, *, needs_newest: bool) -> str:
    sort = (NEWEST if needs_newest else SORTS[0]) if text is None else text
    if sort not in SORTS:
        raise InvalidRequestError(
            f"`options.sort` is one of {', '.join(SORTS)}, not {sort[:LONGEST_SHOWN]!r}"
        )
    if needs_newest and sort != NEWEST:
        raise InvalidRequestError(
            "`options.since` and `options.stop_at_known` need the newest reviews first: "
            f"leave `options.sort` out or send {NEWEST!r}, not {sort!r}"
        )
    return sort


def _max_reviews(text: str | None) -> int | None:
    if text is None:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_MAX_REVIEWS))
    number = int(text) if is_number else 0
    if not 1 <= number <= LARGEST_MAX_REVIEWS:
        raise InvalidRequestError(
            "`options.max_reviews` is a whole number as text, from 1 to "
            f"{LARGEST_MAX_REVIEWS}, not {text[:LONGEST_SHOWN]!r}"
        )
    return number


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:  # such as the 30th of February
        pass
    raise InvalidRequestError(
        f"`options.since` is a day such as '2026-01-31', not {text[:LONGEST_SHOWN]!r}"
    )


def _known_ids(text: str | None) -> frozenset[str]:
    if text is None:
        return frozenset()
    ids = frozenset(review_id.strip() for review_id in text.split(","))
    if len(ids) > MOST_KNOWN_IDS:
        raise InvalidRequestError(
            f"`options.known_ids` holds {len(ids)} ids; send the newest {MOST_KNOWN_IDS} at most"
        )
    for review_id in sorted(ids):
        if not _REVIEW_ID.fullmatch(review_id):
            raise InvalidRequestError(
                "`options.known_ids` is one or more review ids separated by commas; "
                f"{review_id[:LONGEST_SHOWN]!r} is none"
            )
    return ids


def _yes(text: str | None) -> bool:
    if text not in {None, "true", "false"}:
        raise InvalidRequestError(
            f"`options.stop_at_known` is 'true' or 'false', not {str(text)[:LONGEST_SHOWN]!r}"
        )
    return text == "true"


def _language(text: str | None) -> str | None:
    if text is None:
        return None
    parts = _LANGUAGE.fullmatch(text)
    if parts is None:
        raise InvalidRequestError(
            "`options.language` is a language code such as 'en', 'pt-BR' or 'zh-TW' (BCP 47), "
            f"not {text[:LONGEST_SHOWN]!r}"
        )
    script = (parts[2] or "").title()
    return "-".join(part for part in (parts[1].lower(), script, (parts[3] or "").upper()) if part)
