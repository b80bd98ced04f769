"""What a client may ask of a scrape of reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.errors import InvalidRequestError

SORTS = ("relevant", "newest", "highest", "lowest")
"""In the order of the page's menu; the first is the page's own order."""
NAMES = ("max_reviews", "sort")
LARGEST_MAX_REVIEWS = 1_000_000
LONGEST_SHOWN = 40
"""Characters of a refused value that its error repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one scrape."""

    sort: str = SORTS[0]
    max_reviews: int | None = None
    """The scrape ends with so many distinct reviews of the job; None: with the list."""


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
    sort = given.get("sort", SORTS[0])
    if sort not in SORTS:
        raise InvalidRequestError(
            f"`options.sort` is one of {', '.join(SORTS)}, not {sort[:LONGEST_SHOWN]!r}"
        )
    return Options(sort=sort, max_reviews=_max_reviews(given.get("max_reviews")))


def check_options(given: Mapping[str, str]) -> None:
    """Raise what ``read_options`` raises."""
    read_options(given)


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
