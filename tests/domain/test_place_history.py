"""A place's scrapes against what is known of it: what is an event, and what only drifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.domain.place import (
    OwnerReplied,
    ReviewAdded,
    ReviewEdited,
    ReviewEvent,
    ReviewRefreshed,
    ReviewRemoved,
    place_id_of,
)
from streams.domain.place_history import Earlier, Known, Scrape, Sighting, compare

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Earlier()


def review(review_id: str = "r1", **fields: Any) -> dict[str, Any]:
    return {
        "review_id": review_id,
        "author_name": "Ann",
        "rating": 4.0,
        "text": "The soup was good.",
        "is_text_complete": True,
        "is_edited": False,
        "likes": 2,
        "relative_date": "2 days ago",
        "published_at": T0 - 2 * DAY,
        "published_at_precision": "day",
        "photo_urls": [],
        "sub_ratings": {},
        "owner_response_text": None,
        **fields,
    }


def scrape(day: int, **changes: Any) -> Scrape:
    at = T0 + day * DAY
    made = Scrape(began_at=at, ended_at=at + timedelta(hours=1), is_whole=True)
    return replace(made, **changes)


def earlier(day: int = 0, **changes: Any) -> Earlier:
    at = T0 + day * DAY
    return replace(Earlier(newest_at=at, newest_whole_at=at), **changes)


def known(*reviews: Mapping[str, Any], day: int = 0, **changes: Any) -> dict[str, Known]:
    at = T0 + day * DAY
    made = Known(review={}, is_present=True, first_seen_at=at, seen_at=at)
    return {each["review_id"]: replace(made, review=each, **changes) for each in reviews}


def compared(
    before: Mapping[str, Known],
    reviews: Sequence[Mapping[str, Any]],
    *,
    day: int = 1,
    others: Earlier | None = None,
    **changes: Any,
) -> list[ReviewEvent]:
    at = T0 + day * DAY + timedelta(minutes=5)
    sightings = [Sighting(review=each, seen_at=at) for each in reviews]
    found = compare(before, sightings, scrape(day, **changes), others or earlier())
    return [event for _, event in found]


def folded(before: Mapping[str, Known], events: Sequence[ReviewEvent]) -> dict[str, Known]:
    """What the store says after ``events``."""
    after = dict(before)
    for event in events:
        after[event.review_id] = Known(
            review=event.review,
            is_present=not isinstance(event, ReviewRemoved),
            first_seen_at=event.first_seen_at,
            seen_at=T0 + DAY + timedelta(minutes=5),
            changes=event.changes,
        )
    return after


def test_the_first_scrape_adds_everything_and_says_that_it_is_the_first() -> None:
    events = compared({}, [review("r1"), review("r2")], others=FIRST)
    assert [type(event) for event in events] == [ReviewAdded, ReviewAdded]
    assert all(isinstance(event, ReviewAdded) and event.is_initial for event in events)
    [later] = compared(known(review("r1")), [review("r1"), review("r2")])
    assert isinstance(later, ReviewAdded)
    assert (later.review_id, later.is_initial) == ("r2", False)


@pytest.mark.parametrize(
    "drift",
    [
        {"relative_date": "3 days ago", "published_at": T0 - 3 * DAY},
        {"relative_date": "a week ago", "published_at_precision": "week"},
        {"position": 40, "source": "network"},
        {"author_reviews_count": 9, "author_photo_url": "https://x/p"},
        {"text": "The  soup was\ngood. "},
        {"text": "The soup…", "is_text_complete": False},
        {"text": None, "text_translated": None, "rating": None, "likes": None},
        {"photo_urls": ["https://x/a=w300"], "photos_count": None},
    ],
    ids=["date", "unit", "place", "author", "spaces", "cut", "unread", "picture size"],
)
def test_what_drifts_by_itself_is_no_event(drift: dict[str, Any]) -> None:
    before = known(review(photo_urls=["https://x/a=w200"]))
    assert compared(before, [review(**drift)]) == []


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"rating": 1.0}, ("rating",)),
        ({"text": "The soup was cold."}, ("text",)),
        ({"text": "The soup was good. Then not.", "rating": 2.0}, ("rating", "text")),
    ],
)
def test_an_edit_tells_what_it_was_and_what_it_is(
    fields: dict[str, Any], changed: tuple[str, ...]
) -> None:
    [event] = compared(known(review()), [review(**fields)])
    assert isinstance(event, ReviewEdited)
    assert event.fields == changed
    assert (event.old_rating, event.old_text) == (4.0, "The soup was good.")
    assert {name: event.review[name] for name in fields} == fields
    assert event.changes == 1


def test_aspects_in_another_language_are_no_edit() -> None:
    before = known(review(sub_ratings={"Food": 5.0}))
    assert compared(before, [review(sub_ratings={"Essen": 5.0})]) == []
    [event] = compared(before, [review(sub_ratings={"Food": 2.0})])
    assert isinstance(event, ReviewEdited)
    assert event.old_sub_ratings == {"Food": 5.0}


def test_photos_count_as_an_edit_only_if_the_page_says_edited() -> None:
    before = known(review(photos_count=1))
    assert compared(before, [review(photos_count=2)]) == []
    [event] = compared(before, [review(photos_count=2, is_edited=True)])
    assert isinstance(event, ReviewEdited)
    assert event.fields == ("photos_count",)


def test_a_text_that_nobody_had_read_is_an_edit_only_if_the_page_says_edited() -> None:
    before = known(review(text=None, is_text_complete=None))
    [event] = compared(before, [review()])
    assert isinstance(event, ReviewRefreshed)
    [event] = compared(before, [review(is_edited=True)])
    assert isinstance(event, ReviewEdited)


def test_likes_and_the_rest_of_a_cut_text_refresh_the_review() -> None:
    [event] = compared(known(review()), [review(likes=9)])
    assert isinstance(event, ReviewRefreshed)
    assert (event.review["likes"], event.changes) == (9, 0)
    cut = known(review(text="The soup…", is_text_complete=False))
    [event] = compared(cut, [review()])
    assert isinstance(event, ReviewRefreshed)
    assert event.review["text"] == "The soup was good."


def test_a_finer_date_is_kept_when_a_later_scrape_knows_it_less_well() -> None:
    late = review(
        likes=3, published_at=T0 - 9 * DAY, published_at_precision="week", relative_date="a week"
    )
    [event] = compared(known(review()), [late])
    assert event.review["published_at"] == T0 - 2 * DAY


def test_replies_are_told_when_they_come_and_when_they_change_and_not_when_unread() -> None:
    [first] = compared(known(review()), [review(owner_response_text="Thanks")])
    assert isinstance(first, OwnerReplied)
    assert (first.old_text, first.review["owner_response_text"]) == (None, "Thanks")
    before = known(review(owner_response_text="Thanks"))
    [second] = compared(before, [review(owner_response_text="Sorry")])
    assert isinstance(second, OwnerReplied)
    assert second.old_text == "Thanks"
    assert compared(before, [review(owner_response_text=None)]) == []
    assert compared(before, [review(owner_response_text="Tha…")]) == []


def test_only_a_whole_list_removes() -> None:
    before = known(review("r1"), review("r2"))
    [event] = compared(before, [review("r1")])
    assert isinstance(event, ReviewRemoved)
    assert event.review == before["r2"].review
    assert compared(before, [review("r1")], is_whole=False) == []


def test_a_list_that_lacks_more_than_before_removes_nothing() -> None:
    before = known(review("r1"), review("r2"))
    assert compared(before, [review("r1")], missed=1) == []
    lacked = earlier(missed=1)  # it always lacks one: this one is gone
    assert len(compared(before, [review("r1")], missed=1, others=lacked)) == 1


def test_a_review_that_comes_back_is_added_again() -> None:
    gone = known(review("r1"), is_present=False, changes=1)
    [event] = compared(gone, [review("r1", owner_response_text="Welcome back")])
    assert isinstance(event, ReviewAdded)
    assert (event.is_return, event.is_initial, event.changes) == (True, False, 2)
    assert event.first_seen_at == T0
    assert compared(gone, []) == []


def test_an_older_scrape_undoes_nothing_of_a_newer_one() -> None:
    newer = known(review("r1", text="New"), day=3)
    others = earlier(3)
    assert compared(newer, [review("r1", text="Old")], day=1, others=others) == []
    assert compared(newer, [], day=1, others=others) == []
    # Nor does it bring back what a newer whole list did not have.
    assert compared(newer, [review("gone")], day=1, others=others) == []


def test_an_older_scrape_adds_what_a_newer_one_had_not_looked_at() -> None:
    newer = known(review("r1"), day=3)
    others = earlier(3, newest_whole_at=None)
    [event] = compared(newer, [review("r1"), review("deep")], day=1, others=others)
    assert isinstance(event, ReviewAdded)
    assert event.review_id == "deep"
    assert compared(known(review("r1"), review("r9")), [review("r1")], day=1, others=others) == []


def test_a_review_that_another_scrape_saw_meanwhile_is_not_removed() -> None:
    before = known(review("r1")) | known(review("r2"), day=2)
    assert compared(before, [review("r1")], day=1) == []


@pytest.mark.parametrize("stored", range(5))
def test_comparing_again_after_a_crash_gives_the_rest(stored: int) -> None:
    before = known(review("r1"), review("r2"), review("r3"))
    now = [
        review("r1", text="Changed", owner_response_text="Thanks"),
        review("r2", likes=5),
        review("r4"),
    ]
    events = compared(before, now)
    assert [type(event).__name__ for event in events] == [
        "ReviewEdited",
        "OwnerReplied",
        "ReviewRefreshed",
        "ReviewAdded",
        "ReviewRemoved",
    ]
    rest = compared(folded(before, events[:stored]), now)
    assert rest == events[stored:]
    assert compared(folded(before, events), now) == []


def test_a_place_is_one_under_all_its_addresses_and_another_for_each_tenant() -> None:
    def place(tenant: str = "public", **facts: str | None) -> str | None:
        return place_id_of(tenant, "google_reviews", facts, "https://x/maps/place/A")

    one = place(feature_id="0x4a:0xbc", url="https://x/1")
    assert one is not None
    assert one == place(feature_id="0x0:0xBC", url="https://y/2", place_id="ChIJx")
    assert one != place("other", feature_id="0x4a:0xbc")
    assert one != place(feature_id="0x4a:0xbd")
    assert place(feature_id=None, place_id="ChIJx") == place(feature_id=None, place_id="ChIJx")
    named = place(feature_id=None, url="https://x/p?a=1&hl=de")
    assert named == place(feature_id=None, url="https://x/p/?hl=en&a=1")
    assert named != place(feature_id=None, url="https://x/p?a=2")
    assert place() is None  # a scrape that found no place
