"""Walks a browser through one place: to its reviews, and down to the end of their list."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime

from scrapers.contract import Described, Finished, Found, Item, Page, Progress, Report, Target
from scrapers.sites.google_reviews import scripts
from scrapers.sites.google_reviews.cards import reviews_in
from scrapers.sites.google_reviews.place import SENTENCES, Place, Reading, read_page
from scrapers.sites.google_reviews.words import REJECT_WORDS, REVIEWS_WORDS
from streams.errors import TargetRefusedError

SETTLE_S = 20.0
"""A slow place page needs some seconds; after this it is not rendered."""
OPEN_LIST_S = 10.0
EXPAND_MS = 2_500
"""A "More" that has not opened by then stays cut; its review says so."""
IDLE_S = 1.0
ENDED_IDLE_S = 0.25
"""An idle round where the page has taken its spinner away: nothing more is on its way."""
IDLE_ROUNDS_AT_END = 12  # the list answers slowly: fewer cut long lists short
COMPLETE_SHARE = 0.99
"""Announced totals count reviews that the list does not show."""
MAY_RETRY = frozenset({"not_rendered", "consent_wall"})
"""Outcomes that another try may change; the others stay the same in the next minutes."""


def scrape(page: Page, target: Target) -> Iterator[Report]:
    """Report the place, then each batch of new reviews once, to the end of the list.

    Raises:
        TargetRefusedError: the page is no place or does not show its reviews.
    """
    yield Progress(stage="opening", items_seen=0)
    page.open(target.url)
    reading = yield from _reach_place(page)
    place = reading.place
    if reading.outcome == "no_reviews":
        yield _described(place, total=0)
        yield Finished(outcome="no_reviews", message=SENTENCES["no_reviews"])
        return
    if reading.outcome != "completed":
        raise _refused(reading.outcome)
    yield _described(place, total=place.reviews_total)
    yield Progress(stage="opening_reviews", items_seen=0)
    _open_reviews(page)
    yield from _List(page, target, place.reviews_total).reports()


def _reach_place(page: Page) -> Generator[Report, None, Reading]:
    for _ in range(2):
        page.wait_for(scripts.SETTLED, REVIEWS_WORDS, timeout_s=SETTLE_S)
        reading = read_page(page.url, page.html())
        if reading.outcome != "consent_wall":
            return reading
        yield Progress(stage="consent", items_seen=0)
        if page.run(scripts.REJECT_CONSENT, REJECT_WORDS):
            page.wait_for(scripts.CONSENT_GONE, timeout_s=OPEN_LIST_S)
    return reading


def _open_reviews(page: Page) -> None:
    for _ in range(2):  # a click before the page listens is lost
        page.run(scripts.OPEN_REVIEWS, REVIEWS_WORDS)
        if page.wait_for(scripts.REVIEWS_OPEN, REVIEWS_WORDS, timeout_s=OPEN_LIST_S):
            return
    raise _refused("not_rendered")


class _List:
    """The scrolling of one list: what it has given, and whether it has ended."""

    def __init__(self, page: Page, target: Target, total: int | None) -> None:
        self._page = page
        self._known_ids = target.known_ids
        self._total = total
        self._seen: set[str] = set()

    def reports(self) -> Iterator[Report]:
        idle, unstuck, ended = 0, False, False
        while not (ended and idle == 0 and self._has_all()):
            batch = self._page.wait_for(
                scripts.ROUND, EXPAND_MS, timeout_s=ENDED_IDLE_S if ended else IDLE_S
            )
            seen_before = len(self._seen)
            if batch:
                fresh = self._fresh("".join(batch["cards"]))
                if fresh:
                    yield Found(items=fresh)
                ended = self._has_all() and not batch["spinner"]
            else:
                ended = bool(self._page.run(scripts.LIST_STATE)["ended"])
            idle = 0 if len(self._seen) > seen_before else idle + 1
            yield Progress(stage="scrolling", items_seen=len(self._seen))
            if idle >= 2 and self._has_all():
                break
            if idle >= IDLE_ROUNDS_AT_END:
                if unstuck or (ended and self._is_complete()):
                    break
                self._page.run(scripts.UNSTICK)
                idle, unstuck = IDLE_ROUNDS_AT_END // 2, True
        yield Progress(stage="extracting", items_seen=len(self._seen))
        yield self._finished(ended=ended)

    def _fresh(self, html: str) -> list[Item]:
        """New reviews of ``html``; known ones count and are left out."""
        fresh: list[Item] = []
        for review in reviews_in(html, now=datetime.now(UTC)):
            review_id = review["review_id"]
            if review_id in self._seen:
                continue
            self._seen.add(review_id)
            if review_id not in self._known_ids:
                fresh.append({**review, "position": len(self._seen)})
        return fresh

    def _has_all(self) -> bool:
        return self._total is not None and len(self._seen) >= self._total

    def _is_complete(self) -> bool:
        return self._total is None or len(self._seen) >= COMPLETE_SHARE * self._total

    def _finished(self, *, ended: bool) -> Finished:
        if self._is_complete():
            return Finished(outcome="completed")
        numbers = f"{len(self._seen):,} of {self._total:,} announced reviews are saved."
        if ended:
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


def _described(place: Place, *, total: int | None) -> Described:
    facts: dict[str, str | int | float | None] = {
        "rating": place.rating,
        "feature_id": place.feature_id,
        "place_id": place.place_id,
        "url": place.url,
    }
    if place.histogram:
        facts |= {f"stars_{stars}": place.histogram.get(stars, 0) for stars in range(5, 0, -1)}
    return Described(title=place.title, items_total=total, facts=facts)


def _refused(outcome: str) -> TargetRefusedError:
    return TargetRefusedError(outcome, SENTENCES[outcome], may_retry=outcome in MAY_RETRY)
