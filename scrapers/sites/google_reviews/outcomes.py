"""How a scrape of reviews can end, and what a person is told of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

COMPLETE_SHARE = 0.99
"""Announced totals count reviews that the list does not show."""
MAY_RETRY = frozenset({"not_rendered", "consent_wall"})
"""Outcomes that another try may change; the others stay the same in the next minutes."""

SENTENCES = {
    "completed": "The list of reviews was read to its end.",
    "no_reviews": "The place has no reviews. Its name and address were saved. Run again when "
    "somebody has written one.",
    "limited_view": "Google shows this visitor a limited view without reviews. We stopped; nothing "
    "was saved. The place may have reviews: try later, or from another address.",
    "consent_wall": "Google's cookie question came and could not be passed. We declined it twice; "
    "nothing was saved. Try again, or from another address.",
    "captcha": "Google asks whether a person is there. We stopped at once; nothing was saved. Try "
    "later and more slowly, or from another address.",
    "not_a_place": "The page is no single place. Nothing was saved. Open one place on Google Maps "
    "and take its link.",
    "not_rendered": "The page did not show its content in time. We waited and clicked twice. Try "
    "again; if it stays so, the page has changed: tell us its address.",
    "truncated_by_source": "The source ended its list early. What it gave is saved. Run again with "
    "`sort` newest from time to time, or take what is here.",
    "partial": "The source stopped sending reviews and still showed that it loads. We moved the "
    "list and loaded the page again once; what came is saved. Run again later, or take what is "
    "here.",
}
"""Of each outcome: what happened, what we did, what can be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk down a list has seen."""

    seen: int
    """Distinct reviews."""
    announced: int | None
    """Reviews that the page announces."""
    has_ended: bool
    """Whether the page has taken its sign of loading away."""
    is_loading: bool
    """Whether it still shows that sign."""
    is_met: bool = False
    """Whether all that was asked for has come before the end."""


def outcome_of_list(walked: Walked) -> str:
    """``completed``, ``truncated_by_source`` or ``partial``."""
    if walked.is_met or has_nearly_all(walked.seen, walked.announced):
        return "completed"
    if walked.announced is None:  # nothing but the list itself says where it ends
        return "partial" if walked.is_loading else "completed"
    return "truncated_by_source" if walked.has_ended else "partial"


def message_of_list(outcome: str, walked: Walked) -> str:
    """The sentence for a list that ended with ``outcome``, with its numbers."""
    if walked.announced is None:
        return f"{SENTENCES[outcome]} Reviews seen: {walked.seen:,}."
    first, rest = SENTENCES[outcome].split(". ", 1)
    return (
        f"{first}. {walked.seen:,} of {walked.announced:,} announced reviews have been seen. {rest}"
    )


def has_nearly_all(seen: int, announced: int | None) -> bool:
    """Whether the announced reviews have come, but for the few that lists do not show."""
    return announced is not None and seen >= COMPLETE_SHARE * announced
