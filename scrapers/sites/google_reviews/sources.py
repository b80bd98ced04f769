"""The two sources of one list's reviews, and how much each has given."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from scrapers.contract import Extracted, Item, Page
from scrapers.sites.google_reviews import blind
from scrapers.sites.google_reviews.cards import reviews_in
from scrapers.sites.google_reviews.joined import Joined
from scrapers.sites.google_reviews.network import ANSWER_URLS

LATE_S = 0.5
"""How long cards wait for an answer that a busy browser tells late; once, if it never comes."""
LOOK_EACH_S = 0.02

Review = tuple[Item, str]
"""A review and its origin: ``dom``, ``network`` or ``joined``."""


class Sources:
    """Reads cards, and listens to the answers that the page gets for them."""

    def __init__(self, page: Page) -> None:
        """Begin to listen: before the page is opened, which may ask for reviews at once."""
        self._page = page
        self._both = Joined()
        self._is_spoken = False
        """Whether the network brings reviews: then their cards are worth a short wait."""
        self._selectors = Counter[str]()
        self._origins = Counter[str]()
        page.listen(ANSWER_URLS)

    @property
    def is_blind(self) -> bool:
        """Whether the list's cards cannot be read, and its reviews come from the network."""
        return self._both.is_blind

    def has_heard(self, now: datetime) -> bool:
        """Whether there are reviews on the network that no card was read of."""
        self._hear(now)
        return self._both.has_heard

    def begin_list(self, now: datetime, *, is_sorted: bool) -> None:
        """The list begins at its top; ``is_sorted``: in an order other than the usual one."""
        self._hear(now)
        self._both.begin_list(is_sorted=is_sorted)

    def of_cards(self, html: str, now: datetime) -> Iterator[Review]:
        """The reviews of some cards, with what the network says of them."""
        cards = list(reviews_in(html, now=now, used=self._selectors))
        self._hear(now)  # the answer came before its cards, as a rule
        end_s = time.monotonic() + LATE_S
        while self._is_spoken and self._both.lacks(cards) and time.monotonic() < end_s:
            self._page.wait_for("return null", timeout_s=LOOK_EACH_S)
            self._hear(now)
        self._is_spoken = self._is_spoken and not self._both.lacks(cards)
        yield from self._both.cards(cards)

    def of_network(self, now: datetime, *, is_end: bool = False) -> Iterator[Review]:
        """Reviews whose cards do not come; at the list's end, all that are left."""
        yield from self._both.alone(at_s=self._hear(now), is_end=is_end)

    def wait_blindly(self, timeout_s: float) -> tuple[bool, bool]:
        """Scroll on without knowing a card; whether the list has ended, and whether it loads."""
        self._page.wait_for(blind.GROWN, timeout_s=timeout_s)
        state = self._page.run(blind.LIST_STATE)
        return self._both.has_ended or bool(state["ended"]), bool(state["spinner"])

    def count(self, origin: str) -> None:
        """Count one new item."""
        self._origins[origin] += 1

    def extracted(self) -> Extracted:
        """How reviews were read since the last such report."""
        report = Extracted(selectors=self._selectors, sources=self._origins)
        self._selectors, self._origins = Counter(), Counter()
        return report

    def _hear(self, now: datetime) -> float:
        at_s = time.monotonic()
        bodies = self._page.answers()
        self._both.hear(bodies, now=now, at_s=at_s)
        self._is_spoken = self._is_spoken or (bool(bodies) and self._both.has_heard)
        return at_s
