"""Joins what cards and network answers say of the same reviews. Pure: no clock, no browser.

An answer comes before its cards are drawn, so a card normally finds its review here. Either
source alone is enough: a card without an answer is taken as it is, and a review whose card
cannot be read is taken from the network after a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from scrapers.contract import Item
from scrapers.sites.google_reviews.network import ends_list, reviews_in_answer

ALONE_AFTER_S = 4.0
"""How long a review of the network waits for its card: longer than a text takes to open."""
MOST_HEARD = 20_000
"""Reviews kept until their cards come; the oldest are forgotten."""

_TEXT = ("text", "is_text_complete", "language")
_TRANSLATION = ("text_translated", "translated_language")
_REPLY = ("owner_response_text", "owner_response_language")
_DATE = ("published_at", "published_at_precision")
_GROUPS = (_TEXT, _TRANSLATION, _REPLY)
"""Fields that come from one source together: that of the first of them."""
_SHOWN = ("relative_date", "owner_response_relative_date", "likes")
"""Fields that the card has as people see them; the network's only where the card has none."""


class Joined:
    """Reviews heard of on the network, until their cards come or they go out alone."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Item, float]] = {}
        """By id: the review, and when it was heard."""
        self._unsorted: set[str] = set()
        """Those of an order that nobody asked for: they wait for their cards."""
        self._joined: set[str] = set()
        """Those whose card has come."""
        self.is_blind = False
        """Whether reviews come from the network alone, and no card was read in this list."""
        self._has_cards = False
        self.has_ended = False
        """Whether an answer said that the list has no more."""

    @property
    def has_heard(self) -> bool:
        """Whether any review waits for its card."""
        return bool(self._heard)

    def begin_list(self, *, is_sorted: bool) -> None:
        """A list begins at its top; ``is_sorted``: in another order than what was heard so far."""
        self.is_blind, self._has_cards, self.has_ended = False, False, False
        if is_sorted:
            self._unsorted.update(self._heard)

    def hear(self, bodies: Iterable[str], *, now: datetime, at_s: float) -> None:
        """Take in network answers; ``at_s`` is the time on any clock that never goes back."""
        for body in bodies:
            self.has_ended = self.has_ended or ends_list(body)
            for review in reviews_in_answer(body, now=now):
                review_id = review["review_id"]
                self._heard[review_id] = (review, at_s)
                self._unsorted.discard(review_id)
        for review_id in list(self._heard)[: max(0, len(self._heard) - MOST_HEARD)]:
            del self._heard[review_id]

    def lacks(self, cards: Iterable[Item]) -> bool:
        """Whether nothing was heard of some of the cards."""
        ids = {card["review_id"] for card in cards}
        return not ids <= self._heard.keys() | self._joined

    def cards(self, cards: Iterable[Item]) -> Iterator[tuple[Item, str]]:
        """Each card with what the network says of it, and its origin: ``dom`` or ``joined``."""
        for card in cards:
            self.is_blind, self._has_cards = False, True
            heard = self._heard.pop(card["review_id"], None)
            if heard is None:
                yield card, "dom"
            else:
                self._joined.add(card["review_id"])
                yield joined(card, heard[0]), "joined"

    def alone(self, *, at_s: float, is_end: bool = False) -> Iterator[tuple[Item, str]]:
        """Reviews whose cards did not come in time, all at the list's end; origin ``network``."""
        latest_s = at_s - (0.0 if is_end or self.is_blind else ALONE_AFTER_S)
        due = [
            review_id
            for review_id, (_, heard_s) in self._heard.items()
            if heard_s <= latest_s and review_id not in self._unsorted
        ]
        for review_id in due:
            yield self._heard.pop(review_id)[0], "network"
        self.is_blind = not self._has_cards and (self.is_blind or bool(due))


def joined(card: Item, network: Item) -> Item:
    """One review out of both: the more exact value of each field."""
    review = {name: network.get(name) or value for name, value in card.items()}
    for names in _GROUPS:
        source = card if network[names[0]] is None else network
        review |= {name: source[name] for name in names}
    for name in _SHOWN:
        review[name] = network[name] if card[name] is None else card[name]
    is_better = network["published_at_precision"] == "exact" or card["published_at"] is None
    source = network if is_better else card
    review |= {name: source[name] for name in _DATE}
    for name in ("is_edited", "author_is_local_guide", "author_photos_count"):
        review[name] = card[name] if network[name] is None else network[name]
    review["photo_urls"] = max(network["photo_urls"], card["photo_urls"], key=len)
    review["photos_count"] = max(network["photos_count"] or 0, card["photos_count"] or 0)
    review["position"] = card["position"]
    review["source"] = "network"
    return review
