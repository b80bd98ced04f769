"""Cards and network answers of the same reviews become one item each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from embedded.demo.answers import answer_of, exact_truth_of
from embedded.demo.cards import render
from embedded.demo.generator import DemoReview, PlaceKey, demo_review
from embedded.demo.look import Look
from scrapers.contract import Item
from scrapers.sites.google_reviews.cards import reviews_in
from scrapers.sites.google_reviews.joined import ALONE_AFTER_S, MOST_HEARD, Joined, joined

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SITE = "http://demo"
REVIEWS = [demo_review(PlaceKey(reviews=150), index) for index in range(150)]


def answer(reviews: Sequence[DemoReview], cursor: str | None = "CAES") -> str:
    return answer_of(reviews, cursor=cursor, shape="network", base_url=SITE, counted_from=NOW)


def cards(reviews: Sequence[DemoReview], look: Look | None = None) -> list[Item]:
    html = "".join(render(review, SITE, look)["html"] for review in reviews)
    return list(reviews_in(html, now=NOW))


def listening(reviews: Sequence[DemoReview], at_s: float = 0.0) -> Joined:
    both = Joined()
    both.hear([answer(reviews)], now=NOW, at_s=at_s)
    return both


def ids(found: Sequence[tuple[Item, str]]) -> list[str]:
    return [item["review_id"] for item, _ in found]


def test_a_joined_review_is_exact_in_every_field() -> None:
    found = list(listening(REVIEWS).cards(cards(REVIEWS)))
    assert len(found) == 150
    for number, ((review, origin), made) in enumerate(zip(found, REVIEWS, strict=True), 1):
        assert origin == "joined"
        assert review == exact_truth_of(made, SITE, counted_from=NOW, now=NOW)
        assert review["position"] == number


@pytest.mark.parametrize("look", [Look(layout="hotel"), Look(is_truncated=True)])
def test_the_network_makes_up_for_what_a_page_does_not_show(look: Look) -> None:
    for (review, _), made in zip(
        listening(REVIEWS).cards(cards(REVIEWS, look)), REVIEWS, strict=True
    ):
        assert review == exact_truth_of(made, SITE, counted_from=NOW, now=NOW, look=look)


def test_a_card_without_an_answer_is_taken_as_it_is() -> None:
    both = listening(REVIEWS[:10])
    found = list(both.cards(cards(REVIEWS[:20])))
    assert [origin for _, origin in found] == ["joined"] * 10 + ["dom"] * 10
    shown = [item for item, _ in found[10:]]
    assert [{**item, "text": None} for item in shown] == [
        {**item, "text": None} for item in cards(REVIEWS[:20])[10:]
    ]
    assert shown[0]["source"] == "dom"
    assert not both.has_heard


def test_a_review_is_joined_once() -> None:
    both = listening(REVIEWS[:3])
    assert [origin for _, origin in both.cards(cards(REVIEWS[:3]) * 2)] == [
        *["joined"] * 3,
        *["dom"] * 3,
    ]


def test_a_review_whose_card_does_not_come_goes_out_alone_after_a_while() -> None:
    both = listening(REVIEWS[:10], at_s=100)
    assert list(both.cards(cards(REVIEWS[:9])))
    assert list(both.alone(at_s=100 + ALONE_AFTER_S - 0.1)) == []
    found = list(both.alone(at_s=100 + ALONE_AFTER_S))
    assert ids(found) == [REVIEWS[9].truth["review_id"]]
    assert [origin for _, origin in found] == ["network"]
    assert not both.is_blind
    assert list(both.alone(at_s=1_000)) == []


def test_where_no_card_can_be_read_reviews_go_out_as_they_come() -> None:
    both = listening(REVIEWS[:10], at_s=100)
    assert len(list(both.alone(at_s=100 + ALONE_AFTER_S))) == 10
    assert both.is_blind
    both.hear([answer(REVIEWS[10:20])], now=NOW, at_s=200)
    assert len(list(both.alone(at_s=200))) == 10
    list(both.cards(cards(REVIEWS[20:21])))
    assert not both.is_blind


def test_at_the_end_nothing_is_left() -> None:
    both = listening(REVIEWS[:10], at_s=100)
    assert len(list(both.alone(at_s=100, is_end=True))) == 10


def test_what_came_in_another_order_waits_for_its_card() -> None:
    both = listening(REVIEWS[:10])
    both.begin_list(is_sorted=True)
    both.hear([answer(REVIEWS[5:15])], now=NOW, at_s=1)
    found = list(both.alone(at_s=100))
    assert ids(found) == [review.truth["review_id"] for review in REVIEWS[5:15]]
    assert [origin for _, origin in both.cards(cards(REVIEWS[:5]))] == ["joined"] * 5


def test_an_answer_without_a_cursor_ends_the_list() -> None:
    both = listening(REVIEWS[:10])
    assert not both.has_ended
    both.hear([")]}'\n[null,null,null,null,null,true]", answer([])], now=NOW, at_s=1)
    assert not both.has_ended
    both.hear([answer(REVIEWS[10:12], None)], now=NOW, at_s=1)
    assert both.has_ended
    both.begin_list(is_sorted=False)
    assert not both.has_ended


def test_the_oldest_are_forgotten_when_cards_never_come() -> None:
    both = Joined()
    entry = '[["ID",[null,null,1700000000000000],[[5]]]]'
    for start in range(0, MOST_HEARD + 1_000, 1_000):
        entries = ",".join(entry.replace("ID", f"id {start + n}") for n in range(1_000))
        both.hear([f")]}}'\n[null,null,[{entries}]]"], now=NOW, at_s=0)
    found = ids(list(both.alone(at_s=0, is_end=True)))
    assert (len(found), found[0]) == (MOST_HEARD, "id 1000")


def test_an_answer_that_knows_little_takes_nothing_from_the_card() -> None:
    poor = (
        ')]}\'\n[null,null,[[["ID",[null,null,null,null,[null,null,null,null,null,["?"]]],[[1]]]]]]'
    )
    for card in cards(REVIEWS):
        both = Joined()
        both.hear([poor.replace("ID", card["review_id"])], now=NOW, at_s=0)
        ((review, _),) = both.cards([card])
        assert review == {**card, "author_name": "?", "rating": 1.0, "source": "network"}


def test_the_longer_list_of_photos_is_taken() -> None:
    made = next(review for review in REVIEWS if review.truth["photos_count"] == 41)
    (card,) = cards([made])
    network = {**card, "photo_urls": card["photo_urls"][:1], "photos_count": 1}
    review = joined(card, network)
    assert (len(review["photo_urls"]), review["photos_count"]) == (4, 41)
