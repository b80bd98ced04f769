"""``scrapestream places ls``, ``show``, ``reviews`` and ``changes``."""

from __future__ import annotations

import json

from tests.support.command import Run
from tests.support.scripted_api import ScriptedApi

PLACE_ID = "ab" * 16
PATH = f"/places/{PLACE_ID}"
PLACE = {
    "place_id": PLACE_ID,
    "title": "Cafe \x1b[2JCentral",
    "rating": 4.5,
    "reviews_total": 1_244,
    "reviews_known": 1_240,
    "reviews_changed": 3,
    "scraped_at": "2026-11-22T12:00:00Z",
}
REVIEW = {"author_name": "Ann", "rating": 2.0, "text": "Now", "owner_response_text": "Sorry"}
CHANGE = {"occurred_at": "2026-11-22T12:00:00Z", "review": REVIEW}


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_places_are_listed(api: ScriptedApi, run: Run) -> None:
    api.places["/places"] = {"places": [PLACE], "next": None}
    table = run("places", "ls", "--search", "Caf").stdout
    assert "\x1b" not in table
    assert rows(table)[0][:5] == [PLACE_ID, "4.5", "1,244", "1,240", "3"]
    assert "q=Caf" in api.asked[0]
    assert json.loads(run("places", "ls", "--json").stdout)["place_id"] == PLACE_ID


def test_a_place_is_shown_with_its_history(api: ScriptedApi, run: Run) -> None:
    scrape = {
        "at": "2026-11-22T12:00:00Z",
        "rating": 4.5,
        "reviews_total": 12,
        "items_count": 11,
        "outcome": "completed",
    }
    api.places[PATH] = {
        **PLACE,
        "known_histogram": {"5": 10, "4": 1},
        "rating_over_time": [scrape],
        "reviews_per_month": [{"month": "2026-09", "reviews": 4, "rating": 4.25}],
    }
    shown = rows(run("places", "show", PLACE_ID).stdout)
    assert ["2026-11-22", "12:00:00", "4.5", "12", "11", "completed"] in shown
    assert ["2026-09", "4", "4.2"] in shown
    assert ["5", "10"] in shown


def test_reviews_are_asked_for_with_their_filters(api: ScriptedApi, run: Run) -> None:
    review = {**REVIEW, "published_at": "2026-09-03T00:00:00Z", "changes": 2}
    api.places[f"{PATH}/reviews"] = {"reviews": [review], "next": None}
    options = ("--rating", "1,2", "--language", "de", "--changed", "--removed", "--limit", "5")
    table = run("places", "reviews", PLACE_ID, *options).stdout
    assert rows(table) == [["2026-09-03", "2.0", "2", "Ann", "Now"]]
    for part in ("rating=1%2C2", "language=de", "changed=true", "removed=only", "limit=5"):
        assert part in api.asked[0]


def test_changes_say_what_was_and_what_is(api: ScriptedApi, run: Run) -> None:
    api.places[f"{PATH}/changes"] = {
        "changes": [
            {**CHANGE, "type": "ReviewEdited", "fields": ["text"], "old_text": "Then"},
            {**CHANGE, "type": "ReviewEdited", "fields": ["rating"], "old_rating": 5.0},
            {**CHANGE, "type": "OwnerReplied", "old_text": None},
            {**CHANGE, "type": "ReviewRemoved"},
            {**CHANGE, "type": "ReviewAdded"},
        ],
        "next": None,
    }
    found = [row[2:] for row in rows(run("places", "changes", PLACE_ID, "--since", "2026").stdout)]
    assert found == [
        ["ReviewEdited", "Ann", "Then", "Now"],
        ["ReviewEdited", "Ann", "5.0", "stars", "2.0", "stars"],
        ["OwnerReplied", "Ann", "Sorry"],
        ["ReviewRemoved", "Ann", "Now"],
        ["ReviewAdded", "Ann", "Now"],
    ]
    assert "since=2026" in api.asked[0]


def test_a_place_that_nobody_knows_is_an_error(api: ScriptedApi, run: Run) -> None:
    result = run("places", "show", "nothing")
    assert result.exit_code == 8
    assert "no place" in result.stderr
