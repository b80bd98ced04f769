"""The browser is tidied now and then, and never for a large share of the time."""

from __future__ import annotations

from typing import Any

import pytest

from scrapers.sites.google_reviews import tidying
from scrapers.sites.google_reviews.tidying import MOST_SHARE, ROUNDS_A_TIDYING, Tidying


class SlowPage:
    """Takes its time to be tidied; ``monotonic`` is its clock."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.now_s = 1_000.0
        self.tidied = 0

    def monotonic(self) -> float:
        return self.now_s

    def tidy(self) -> None:
        self.tidied += 1
        self.now_s += self.takes_s


@pytest.mark.parametrize(("takes_s", "times"), [(0.001, 50), (0.6, 5)])
def test_a_page_is_tidied_every_20_rounds_unless_that_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, takes_s: float, times: int
) -> None:
    page: Any = SlowPage(takes_s)
    monkeypatch.setattr(tidying, "time", page)
    tidies = Tidying(page)
    for _ in range(50 * ROUNDS_A_TIDYING):
        page.now_s += 0.1
        tidies.after_round()
    assert page.tidied == times
    assert page.tidied * takes_s <= MOST_SHARE * (page.now_s - 1_000.0)
