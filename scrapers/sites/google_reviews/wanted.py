"""Which reviews of a list are wanted, and when enough of it was read. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from scrapers.contract import Item
from scrapers.sites.google_reviews.options import Options
from scrapers.sites.google_reviews.relative_dates import SHORTEST_S, relative_date_in

RUN = 10
"""So many older or known reviews in a row end a list: one alone may be pinned or edited."""


class Wanted:
    """Counts what comes, in the order of the list."""

    def __init__(self, options: Options, kept: int) -> None:
        """Begin with ``kept`` reviews that the job has."""
        self._options = options
        self._kept = kept
        self._older = 0
        """Too old ones in a row."""
        self._known = 0
        """Known ones in a row."""
        self.is_in_order = True
        """Whether the page gave the order asked for; without it no review ends the list."""

    def takes(self, review: Item, now: datetime) -> bool:
        """Count the next review of the list; whether it belongs to what was asked for."""
        since, known_ids = self._options.since, self._options.known_ids
        is_known = review["review_id"] in known_ids
        is_older = since is not None and latest_of(review, now) < since
        self._known = self._known + 1 if is_known else 0
        self._older = self._older + 1 if is_older else 0
        return not (is_known or is_older)

    def keep(self) -> None:
        """Count one more review that the job has."""
        self._kept += 1

    @property
    def is_met(self) -> bool:
        """Whether nothing more of the list is asked for."""
        most = self._options.max_reviews
        return (most is not None and self._kept >= most) or bool(self.stopped_at)

    @property
    def stopped_at(self) -> str:
        """What a wish has stopped the list at, for a person; empty as long as it has not."""
        if not self.is_in_order:
            return ""
        options = self._options
        if options.since is not None and self._older >= RUN:
            return f"reviews older than {options.since:%Y-%m-%d}"
        if options.stop_at_known and self._known >= min(RUN, len(options.known_ids)):
            return "reviews that you have"
        return ""


def latest_of(review: Item, now: datetime) -> datetime:
    """The latest moment at which ``review`` can have been written; ``now`` when it is unknown."""
    published_at = review["published_at"]
    if not isinstance(published_at, datetime):
        return now
    if review["published_at_precision"] not in SHORTEST_S:  # exact
        return published_at.astimezone(UTC)
    date = relative_date_in(review["relative_date"] or "")
    return now if date is None else date.latest(now)
