"""When the browser collects its garbage during a long stay on one page."""

from __future__ import annotations

import time

from scrapers.contract import Page

ROUNDS_A_TIDYING = 20
MOST_SHARE = 0.03
"""Of the time. A collection takes as long as what is there: 0.05 s at the start of a list, 0.6 s
with 20,000 cards; at fixed rounds a list would cost more with its square."""


class Tidying:
    """Tidies ``page`` every 20 rounds, or as often as its share of the time allows."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._rounds = 0
        self._not_before_s = 0.0

    def after_round(self) -> None:
        """Count one more round, and tidy when it is time."""
        self._rounds += 1
        begun_s = time.monotonic()
        if self._rounds < ROUNDS_A_TIDYING or begun_s < self._not_before_s:
            return
        self._rounds = 0
        self._page.tidy()
        ended_s = time.monotonic()
        self._not_before_s = ended_s + (ended_s - begun_s) / MOST_SHARE
