"""Walks down the list of one place's reviews to its end, and says how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from scrapers.contract import (
    Described,
    Finished,
    Found,
    Item,
    Page,
    Progress,
    Report,
    Target,
)
from scrapers.sites.google_reviews import list_scripts
from scrapers.sites.google_reviews.entry import open_reviews, reach_place, refused, sort_reviews
from scrapers.sites.google_reviews.options import SORTS, Options, read_options
from scrapers.sites.google_reviews.outcomes import (
    SENTENCES,
    Walked,
    has_nearly_all,
    message_of_list,
    outcome_of_list,
)
from scrapers.sites.google_reviews.place import Place
from scrapers.sites.google_reviews.sources import Review, Sources
from scrapers.sites.google_reviews.tidying import Tidying
from scrapers.sites.google_reviews.wanted import Wanted
from streams.errors import TargetRefusedError

EXPAND_MS = 2_500
"""A "More" that has not opened by then stays cut; its review says so."""
IDLE_S = 1.0
ENDED_IDLE_S = 0.25
"""An idle round where the page has taken its spinner away: nothing more is on its way."""
KEEP_READ = 1_000
"""Emptied cards that stay in the page. Most lists are shorter: those are left whole."""
IDLE_ROUNDS_AT_END = 12  # the list answers slowly: fewer cut long lists short


def scrape(page: Page, target: Target) -> Iterator[Report]:
    """Report the place, then each batch of new reviews once, to the end of the list.

    Raises:
        InvalidRequestError: an option cannot be used.
        TargetRefusedError: the page is no place or does not show its reviews.
    """
    options = read_options(target.options)
    yield Progress(stage="opening", items_seen=0)
    sources = Sources(page)
    reading = yield from reach_place(page, target.url, options.language)
    place = reading.place
    if reading.outcome == "no_reviews":
        yield _described(place, total=0, options=Options())
        yield Finished(outcome="no_reviews", message=SENTENCES["no_reviews"])
        return
    if reading.outcome != "completed":
        raise refused(reading.outcome)
    yield _described(place, total=place.reviews_total, options=options)
    yield Progress(stage="opening_reviews", items_seen=0)
    walk = _Walk(page, sources, target, options, place.reviews_total)
    open_reviews(page, is_there=walk.has_heard)
    yield from walk.reports()
    if walk.is_stuck:
        yield Progress(stage="reloading", items_seen=walk.items_seen)
        try:
            again = yield from reach_place(page, target.url, options.language)
            if again.outcome == "captcha":
                raise walk.stopped_by_captcha()
            open_reviews(page, is_there=walk.has_heard)
            yield from walk.reports()
        except TargetRefusedError as refusal:
            if refusal.outcome == "captcha":
                raise
            # What is found stays, and the walk stays stuck.
    yield Progress(stage="extracting", items_seen=walk.items_seen)
    yield walk.finished()


class _Walk:
    """The way down one list, from its top once more after a reload."""

    def __init__(
        self, page: Page, sources: Sources, target: Target, options: Options, total: int | None
    ) -> None:
        self._page = page
        self._sources = sources
        self._known_ids = target.known_ids
        self._options = options
        self._wanted = Wanted(options, kept=len(target.known_ids))
        self._total = total
        self._seen: set[str] = set()
        """Reviews that the page has shown."""
        self._passed: set[str] = set()
        """Those of them since the page was loaded."""
        self._ended = False
        """Whether the page says that nothing more comes."""
        self._is_loading = False
        """Whether it says that something still comes."""
        self._tidying = Tidying(page)

    @property
    def items_seen(self) -> int:
        """Distinct reviews that the page has shown."""
        return len(self._seen)

    @property
    def is_stuck(self) -> bool:
        """Whether more is announced, and the list still shows that it loads."""
        return outcome_of_list(self._walked()) == "partial"

    def has_heard(self) -> bool:
        """Whether the network has brought reviews that no card shows."""
        return self._sources.has_heard(datetime.now(UTC))

    def stopped_by_captcha(self) -> TargetRefusedError:
        """The end of a walk that the site does not let go on."""
        return TargetRefusedError(
            "captcha",
            "Google asked in mid-list whether a person is there. We stopped at once, after "
            f"{self.items_seen:,} reviews; what came is saved. Try later and more slowly, or "
            "from another address.",
        )

    def reports(self) -> Iterator[Report]:
        """Walk down the open list, from its top."""
        self._sources.begin_list(datetime.now(UTC), is_sorted=self._options.sort != SORTS[0])
        self._wanted.is_in_order = sort_reviews(self._page, self._options.sort)
        self._passed.clear()
        idle, unstuck, self._ended = 0, False, False
        while not (self._wanted.is_met or (self._ended and idle == 0 and self._has_all())):
            passed_before = len(self._passed)
            yield from self._round()
            idle = 0 if len(self._passed) > passed_before else idle + 1
            yield Progress(stage="scrolling", items_seen=len(self._seen))
            if idle >= 2 and self._has_all():
                break
            if idle >= IDLE_ROUNDS_AT_END:
                if unstuck or not (self._is_loading or self._is_missing_some()):
                    break
                self._page.run(list_scripts.UNSTICK)
                idle, unstuck = IDLE_ROUNDS_AT_END // 2, True
        yield from self._of_network(is_end=True)

    def _round(self) -> Iterator[Report]:
        self._tidying.after_round()
        idle_s = ENDED_IDLE_S if self._ended else IDLE_S
        if self._sources.is_blind:
            self._ended, self._is_loading = self._sources.wait_blindly(idle_s)
            yield from self._of_network()
            return
        batch = self._page.wait_for(list_scripts.ROUND, EXPAND_MS, KEEP_READ, timeout_s=idle_s)
        if not batch:
            self._stop_at_captcha()
            state = self._page.run(list_scripts.LIST_STATE)
            self._ended, self._is_loading = bool(state["ended"]), bool(state["spinner"])
            yield from self._of_network()
            return
        now = datetime.now(UTC)
        yield from self._found(self._sources.of_cards("".join(batch["cards"]), now), now)
        self._ended = self._has_all() and not batch["spinner"]

    def _of_network(self, *, is_end: bool = False) -> Iterator[Report]:
        """Report what only the network has."""
        now = datetime.now(UTC)
        yield from self._found(self._sources.of_network(now, is_end=is_end), now)

    def _found(self, reviews: Iterable[Review], now: datetime) -> Iterator[Report]:
        fresh = self._fresh(reviews, now)
        if fresh:
            yield Found(items=fresh)
        extracted = self._sources.extracted()
        if extracted.selectors or extracted.sources:
            yield extracted

    def _fresh(self, reviews: Iterable[Review], now: datetime) -> list[Item]:
        """New reviews that are wanted; known ones count and are left out."""
        fresh: list[Item] = []
        for review, origin in reviews:
            review_id = review["review_id"]
            if self._wanted.is_met:
                break
            self._passed.add(review_id)
            if review_id in self._seen:
                continue
            self._seen.add(review_id)
            if self._wanted.takes(review, now) and review_id not in self._known_ids:
                fresh.append({**review, "position": len(self._passed)})
                self._sources.count(origin)
                self._wanted.keep()
        return fresh

    def _stop_at_captcha(self) -> None:
        """The site may take us for a machine in mid-list, and leave the place."""
        if urlsplit(self._page.url).path.startswith("/sorry/"):
            raise self.stopped_by_captcha()

    def _has_all(self) -> bool:
        return self._total is not None and len(self._seen) >= self._total

    def _is_missing_some(self) -> bool:
        return self._total is not None and not has_nearly_all(len(self._seen), self._total)

    def _walked(self) -> Walked:
        return Walked(
            seen=len(self._seen),
            announced=self._total,
            has_ended=self._ended,
            is_loading=self._is_loading,
            is_met=self._wanted.is_met,
        )

    def finished(self) -> Finished:
        """How it ended, and what of the wishes could not be met."""
        walked = self._walked()
        outcome = outcome_of_list(walked)
        if outcome != "completed":
            return Finished(outcome=outcome, message=message_of_list(outcome, walked))
        messages = []
        if not self._wanted.is_in_order:
            messages.append(
                f"The page did not offer the order {self._options.sort!r}: its own was used."
            )
        if self._wanted.stopped_at:
            messages.append(
                f"Stopped at {self._wanted.stopped_at}, as asked; {walked.seen:,} were looked at."
            )
        return Finished(outcome=outcome, message=" ".join(messages))


def _described(place: Place, *, total: int | None, options: Options) -> Described:
    facts: dict[str, str | int | float | None] = {
        "rating": place.rating,
        "feature_id": place.feature_id,
        "place_id": place.place_id,
        "url": place.url,
    }
    if place.histogram:
        facts |= {f"stars_{stars}": place.histogram.get(stars, 0) for stars in range(5, 0, -1)}
    # What this scrape goes up to: progress ends at 100 %, and is unknown when a review ends it.
    expected = total
    if options.since is not None or options.stop_at_known:
        expected = None
    elif options.max_reviews is not None and total is not None:
        expected = min(total, options.max_reviews)
    if total != expected:
        facts["reviews_announced"] = total
    return Described(title=place.title, items_total=expected, facts=facts)
