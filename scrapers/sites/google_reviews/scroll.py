"""Walks down the list of one place's reviews to its end, and says how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from scrapers.contract import Described, Finished, Found, Item, Page, Progress, Report, Target
from scrapers.sites.google_reviews import scripts
from scrapers.sites.google_reviews.cards import reviews_in
from scrapers.sites.google_reviews.entry import open_reviews, reach_place, refused, sort_reviews
from scrapers.sites.google_reviews.options import Options, read_options
from scrapers.sites.google_reviews.place import SENTENCES, Place
from streams.errors import TargetRefusedError

EXPAND_MS = 2_500
"""A "More" that has not opened by then stays cut; its review says so."""
IDLE_S = 1.0
ENDED_IDLE_S = 0.25
"""An idle round where the page has taken its spinner away: nothing more is on its way."""
IDLE_ROUNDS_AT_END = 12  # the list answers slowly: fewer cut long lists short
COMPLETE_SHARE = 0.99
"""Announced totals count reviews that the list does not show."""


def scrape(page: Page, target: Target) -> Iterator[Report]:
    """Report the place, then each batch of new reviews once, to the end of the list.

    Raises:
        InvalidRequestError: an option cannot be used.
        TargetRefusedError: the page is no place or does not show its reviews.
    """
    options = read_options(target.options)
    yield Progress(stage="opening", items_seen=0)
    reading = yield from reach_place(page, target.url)
    place = reading.place
    if reading.outcome == "no_reviews":
        yield _described(place, total=0)
        yield Finished(outcome="no_reviews", message=SENTENCES["no_reviews"])
        return
    if reading.outcome != "completed":
        raise refused(reading.outcome)
    yield _described(place, total=place.reviews_total, most=options.max_reviews)
    yield Progress(stage="opening_reviews", items_seen=0)
    walk = _Walk(page, target, options, place.reviews_total)
    open_reviews(page)
    yield from walk.reports()
    if walk.is_stuck:
        yield Progress(stage="reloading", items_seen=walk.items_seen)
        with suppress(TargetRefusedError):  # what is found stays; the walk stays stuck
            yield from reach_place(page, target.url)
            open_reviews(page)
            yield from walk.reports()
    yield Progress(stage="extracting", items_seen=walk.items_seen)
    yield walk.finished()


class _Walk:
    """The way down one list, from its top once more after a reload."""

    def __init__(self, page: Page, target: Target, options: Options, total: int | None) -> None:
        self._page = page
        self._known_ids = target.known_ids
        self._options = options
        self._total = total
        self._seen: set[str] = set()
        """Reviews that the page has shown."""
        self._passed: set[str] = set()
        """Those of them since the page was loaded."""
        self._kept = len(target.known_ids)
        """Reviews of the job, known ones included."""
        self._ended = False
        """Whether the page says that nothing more comes."""
        self._is_sorted = True

    @property
    def items_seen(self) -> int:
        """Distinct reviews that the page has shown."""
        return len(self._seen)

    @property
    def is_stuck(self) -> bool:
        """Whether more is announced, and the list still shows that it loads."""
        return not (self._is_complete() or self._is_enough() or self._ended)

    def reports(self) -> Iterator[Report]:
        """Walk down the open list, from its top."""
        self._is_sorted = sort_reviews(self._page, self._options.sort)
        self._passed.clear()
        idle, unstuck, self._ended = 0, False, False
        while not (self._is_enough() or (self._ended and idle == 0 and self._has_all())):
            passed_before = len(self._passed)
            yield from self._round()
            idle = 0 if len(self._passed) > passed_before else idle + 1
            yield Progress(stage="scrolling", items_seen=len(self._seen))
            if idle >= 2 and self._has_all():
                break
            if idle >= IDLE_ROUNDS_AT_END:
                if unstuck or (self._ended and self._is_complete()):
                    break
                self._page.run(scripts.UNSTICK)
                idle, unstuck = IDLE_ROUNDS_AT_END // 2, True

    def _round(self) -> Iterator[Report]:
        batch = self._page.wait_for(
            scripts.ROUND, EXPAND_MS, timeout_s=ENDED_IDLE_S if self._ended else IDLE_S
        )
        if not batch:
            self._ended = bool(self._page.run(scripts.LIST_STATE)["ended"])
            return
        fresh = self._fresh("".join(batch["cards"]))
        if fresh:
            yield Found(items=fresh)
        self._ended = self._has_all() and not batch["spinner"]

    def _fresh(self, html: str) -> list[Item]:
        """New reviews of ``html``, as many as are wanted; known ones count and are left out."""
        fresh: list[Item] = []
        for review in reviews_in(html, now=datetime.now(UTC)):
            review_id = review["review_id"]
            if self._is_enough():
                break
            self._passed.add(review_id)
            if review_id in self._seen:
                continue
            self._seen.add(review_id)
            if review_id not in self._known_ids:
                fresh.append({**review, "position": len(self._passed)})
                self._kept += 1
        return fresh

    def _is_enough(self) -> bool:
        return self._options.max_reviews is not None and self._kept >= self._options.max_reviews

    def _has_all(self) -> bool:
        return self._total is not None and len(self._seen) >= self._total

    def _is_complete(self) -> bool:
        return self._total is None or len(self._seen) >= COMPLETE_SHARE * self._total

    def finished(self) -> Finished:
        """How it ended, and what of the wishes could not be met."""
        if self._is_enough() or self._is_complete():
            unsorted = f"The page did not offer the order {self._options.sort!r}: its own was used."
            return Finished(outcome="completed", message="" if self._is_sorted else unsorted)
        numbers = f"{len(self._seen):,} of {self._total:,} announced reviews are saved."
        if self._ended:
            return Finished(
                outcome="truncated_by_source",
                message=f"The source ended its list early. {numbers} "
                "Run again with the newest first from time to time, or take what is here.",
            )
        return Finished(
            outcome="partial",
            message=f"The source stopped sending reviews and still showed that it loads. "
            f"{numbers} Run again later, or take what is here.",
        )


def _described(place: Place, *, total: int | None, most: int | None = None) -> Described:
    facts: dict[str, str | int | float | None] = {
        "rating": place.rating,
        "feature_id": place.feature_id,
        "place_id": place.place_id,
        "url": place.url,
    }
    if place.histogram:
        facts |= {f"stars_{stars}": place.histogram.get(stars, 0) for stars in range(5, 0, -1)}
    if most is not None and total is not None and most < total:
        facts["reviews_announced"] = total
        total = most  # what this scrape goes up to: progress ends at 100 %
    return Described(title=place.title, items_total=total, facts=facts)
