"""A place changes between two scrapes, and its history says how."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.parse import quote

import httpx2

from tests.support.system import COMMAND, System, eventually

REVIEWS = 8
FEATURE_ID = "0x476d07:0xc1a55e"


def test_the_second_scrape_tells_what_has_changed(system: System) -> None:
    site = system.addresses()["demo_site"]
    path = f"/maps/place/Changing+Cafe/data=!4m7!3m6!1s{quote(FEATURE_ID)}"
    other_path = f"/maps/place/Changing+Cafe/@48.2,16.3,17z/data=!3m1!1s{quote(FEATURE_ID)}"
    address = f"{site}/truth/Changing+Cafe?reviews={REVIEWS}&seed=31"
    query = f"reviews={REVIEWS}&latency_ms=0&seed=31"

    assert system.ended(system.submit(f"{site}{path}?{query}"))["outcome"] == "completed"
    again = system.submit(f"{site}{other_path}?{query}&round=2")
    old_pid = system.kill("places")
    assert system.ended(again)["outcome"] == "completed"

    def told() -> list[dict[str, Any]] | None:
        places = system.call("GET", "/places?q=Changing").json()["places"]
        if not places:
            return None
        [place] = places  # one, under both addresses
        changes = system.call("GET", f"/places/{place['place_id']}/changes").json()["changes"]
        return changes if len(changes) >= 4 else None

    changes = eventually(told, within_s=60, what="the four changes")
    truth = [
        {each["review_id"]: each for each in httpx2.get(f"{address}&round={n}").json()["items"]}
        for n in (1, 2)
    ]
    assert sorted(each["type"] for each in changes) == [
        "OwnerReplied",
        "ReviewAdded",
        "ReviewEdited",
        "ReviewRemoved",
    ]
    by_type = {each["type"]: each for each in changes}
    assert {by_type["ReviewRemoved"]["review_id"]} == truth[0].keys() - truth[1].keys()
    assert {by_type["ReviewAdded"]["review_id"]} == truth[1].keys() - truth[0].keys()
    edited = by_type["ReviewEdited"]
    assert edited["fields"] == ["text"]
    assert edited["old_text"] == truth[0][edited["review_id"]]["text"]
    assert edited["review"]["text"] == truth[1][edited["review_id"]]["text"]

    system.restarted("places", old_pid)
    place_id = system.call("GET", "/places?q=Changing").json()["places"][0]["place_id"]
    command = [*COMMAND, "places", "changes", place_id, "--json"]
    done = subprocess.run(
        [*command, "--data-dir", str(system.data_dir)], capture_output=True, text=True, check=True
    )
    printed = [json.loads(line)["event_id"] for line in done.stdout.splitlines()]
    assert printed == [each["event_id"] for each in changes]
