"""An author objects, then a place is forgotten: gone from API, files and topics as we show them."""

from __future__ import annotations

import json

from tests.scenarios.test_history_as_a_product import command
from tests.support.system import System

REVIEWS = 12


def test_what_is_forgotten_is_told_nowhere_and_the_author_stays_out(system: System) -> None:
    url = system.place(REVIEWS, seed=4_711)
    job_id = system.submit(url)
    assert system.ended(job_id)["reviews_count"] == REVIEWS
    reviews = system.reviews(job_id)
    author = reviews[0]["author_id"]
    by_author = [each for each in reviews if each["author_id"] == author]

    def forget(*arguments: str) -> dict[str, int | bool]:
        [erasure] = json.loads(command(system, "forget", *arguments, "--yes", "--json"))["erasures"]
        assert erasure["is_proved"]
        assert erasure["needles"]
        found: dict[str, int | bool] = erasure
        return found

    forget("--author", author)
    assert len(system.reviews(job_id)) == REVIEWS - len(by_author)
    again = system.submit(url)
    left = REVIEWS - len(by_author)
    assert system.ended(again)["reviews_count"] == left
    assert author not in {each["author_id"] for each in system.reviews(again)}

    assert forget("--place", url)["jobs"] == 2
    title = "Cafe"
    for each in (job_id, again):
        assert system.reviews(each) == []
        told = json.dumps([system.job(each), system.events(each)])
        assert url not in told
        assert title not in told
    most = str(REVIEWS + left)
    shown = command(
        system, "tail", "scraped-items", "--from-beginning", "--json", "--max", most
    ).splitlines()
    records = [json.loads(line) for line in shown]
    ours = [each for each in records if each["key"] in {job_id, again}]
    assert all(each["error"] == "erased" and each["value"] is None for each in ours)
    assert system.job(system.submit(url))["url"] == url, "a new scrape is news"
