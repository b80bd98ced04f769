"""The demo site: the same for the same seed, and a receiver of webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from embedded.demo.generator import generate
from embedded.demo_site import DemoSettings, open_demo_site

NOW = datetime(2026, 11, 23, 14, 37, tzinfo=UTC)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with open_demo_site(DemoSettings(reviews=23, latency_ms=0)) as address:
        yield address


def get(url: str) -> Any:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own site
        return json.load(answer)


def post(url: str, body: bytes) -> int:
    request = Request(url, data=body, headers={"X-Note": "hello"})  # noqa: S310
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_the_same_seed_gives_the_same_reviews() -> None:
    assert generate(7, 40, now=NOW) == generate(7, 40, now=NOW)
    assert generate(7, 40, now=NOW) != generate(8, 40, now=NOW)
    assert generate(7, 40, now=NOW, place="Other") != generate(7, 40, now=NOW)


def test_reviews_are_of_every_kind() -> None:
    reviews = generate(7, 244, now=NOW)
    assert len({review["review_id"] for review in reviews}) == 244
    assert {review["rating"] for review in reviews} == {1.0, 2.0, 3.0, 4.0, 5.0}
    languages = {review["language"] for review in reviews}
    assert languages == {"en", "fr", "de", "es", "it", "ja", None}
    assert any(review["text"] is None and review["owner_response_text"] for review in reviews)
    assert any(review["text_translated"] for review in reviews)
    assert any(review["is_text_complete"] is False for review in reviews)
    assert any(review["is_edited"] for review in reviews)
    assert any(review["photos_count"] > 4 for review in reviews)
    assert any(review["sub_ratings"] for review in reviews)
    assert any(review["likes"] > 1_000 for review in reviews)
    assert any(len(review["owner_response_text"] or "") > 200 for review in reviews)


def test_the_truth_of_a_place_is_what_its_list_serves(site: str) -> None:
    truth = get(f"{site}/truth/Cafe+Central?seed=5")
    assert truth["place"]["reviews_total"] == 23
    assert sum(truth["place"]["histogram"].values()) == 23
    served, offset = [], 0
    while offset is not None:
        page = get(f"{site}/maps/place/Cafe+Central/reviews.json?seed=5&offset={offset}")
        served += [card["id"] for card in page["cards"]]
        offset = page["next"]
    assert served == [item["review_id"] for item in truth["items"]]


def test_a_list_comes_in_the_order_of_its_truth(site: str) -> None:
    rows = {}
    for sort in ("relevant", "newest", "highest", "lowest"):
        items = get(f"{site}/truth/Cafe+Central?sort={sort}")["items"]
        served = get(f"{site}/maps/place/Cafe+Central/reviews.json?batch=23&offset=0&sort={sort}")
        assert [card["id"] for card in served["cards"]] == [item["review_id"] for item in items]
        assert [item["position"] for item in items] == list(range(1, 24))
        rows[sort] = items
    assert rows["newest"] != rows["relevant"]
    dates = [item["published_at"] for item in rows["newest"]]
    assert dates == sorted(dates, reverse=True)
    ratings = [item["rating"] for item in rows["highest"]]
    assert ratings == sorted(ratings, reverse=True)
    assert [item["rating"] for item in rows["lowest"]] == ratings[::-1]


def test_a_list_hangs_until_it_is_loaded_again(site: str) -> None:
    batch = f"{site}/maps/place/Cafe+Central/reviews.json?reload_at=10&offset=10"
    assert get(batch) == {"cards": [], "next": 10}
    assert get(f"{batch}&moved=1&loads=1")["cards"] == []
    assert len(get(f"{batch}&loads=2")["cards"]) == 10
    assert get(f"{batch}&loads=2&reloads=2")["cards"] == []


def test_the_home_page_leads_to_every_kind_of_place(site: str) -> None:
    with urlopen(f"{site}/", timeout=5) as answer:  # noqa: S310
        home = answer.read().decode()
    for part in ("/demo", "view=limited", "view=captcha", "/truth/", "/inbox", "/about"):
        assert part in home
    with urlopen(f"{site}/demo", timeout=5) as answer:  # noqa: S310
        assert "/maps/place/Cafe+Central/" in answer.url


def test_a_webhook_is_kept_to_the_byte(site: str) -> None:
    body = b'{"a": "\xc3\xbc"}\n'
    assert post(f"{site}/webhooks/kept", body) == 204
    (delivery,) = get(f"{site}/webhooks/kept")["deliveries"]
    assert delivery["body"] == body.decode()
    assert delivery["body_base64"] == "eyJhIjogIsO8In0K"
    assert ["x-note", "hello"] in delivery["headers"]
    assert delivery["answered"] == 204
    with urlopen(f"{site}/inbox", timeout=5) as answer:  # noqa: S310
        assert "kept" in answer.read().decode()


def test_a_box_fails_as_often_as_it_is_told(site: str) -> None:
    answers = [post(f"{site}/webhooks/failing?fail=2", b"{}") for _ in range(3)]
    assert answers == [500, 500, 204]
    assert post(f"{site}/webhooks/gone?status=410", b"{}") == 410
    assert [d["answered"] for d in get(f"{site}/webhooks/failing")["deliveries"]] == answers


def test_an_unknown_box_is_empty_and_a_large_body_refused(site: str) -> None:
    assert get(f"{site}/webhooks/never")["deliveries"] == []
    assert post(f"{site}/webhooks/large", b"x" * 2_000_000) == 413
