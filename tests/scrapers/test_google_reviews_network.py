"""Reading reviews out of network answers: made ones, real ones, broken ones."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from embedded.demo.answers import SHAPES, answer_of, exact_truth_of, listed
from embedded.demo.generator import PlaceKey, demo_review
from scrapers.contract import Item
from scrapers.sites.google_reviews.network import reviews_in_answer
from tests.scrapers.conftest import FIXTURES

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SITE = "http://demo"
REVIEWS = [demo_review(PlaceKey(reviews=150), index) for index in range(150)]
WRONG: tuple[Any, ...] = (None, [], {}, "?", -1, 1e308, math.nan, True, 10**40, "\ud83d")
NOT_IN_ANSWERS = {"relative_date", "likes"}
"""The demo place's answers leave "Edited" out of the date, as likes always are."""


def answer(shape: str = "network") -> str:
    return answer_of(REVIEWS, cursor="CAES", shape=shape, base_url=SITE, counted_from=NOW)


def read(body: str) -> list[Item]:
    return list(reviews_in_answer(body, now=NOW))


def one(entry: Any) -> Item:
    (review,) = read(listed([None, None, [[entry]]], shape="rpc"))
    return review


@pytest.mark.parametrize("shape", SHAPES)
def test_every_value_of_every_review_is_read(shape: str) -> None:
    found = read(answer(shape))
    assert len(found) == 150
    for review, made in zip(found, REVIEWS, strict=True):
        truth = exact_truth_of(made, SITE, counted_from=NOW)
        assert set(review) == set(truth)
        for name in set(truth) - NOT_IN_ANSWERS:
            assert review[name] == truth[name], name
        assert review["likes"] is None
        assert review["relative_date"] in truth["relative_date"]


def test_the_name_of_the_row_may_be_the_bare_id() -> None:
    renamed = answer().replace("/MapsUgcPostService.ListUgcPosts", "qv9Egd")
    assert read(renamed) == read(answer())


def test_wrong_lengths_and_line_breaks_within_a_chunk_do_no_harm() -> None:
    body = answer()
    length = body.split("\n")[2]
    assert length.isdecimal()
    broken = body.replace(f"\n{length}\n", "\n7\n", 1).replace('"wrb.fr",', '"wrb.fr",\n ', 1)
    assert read(broken) == read(body)


def test_a_row_that_is_broken_leaves_the_others() -> None:
    assert read(answer().replace("\n\n", '\n\n9\n[["wrb.fr","\n', 1)) == read(answer())


@pytest.mark.parametrize(
    "body",
    [
        "",
        ")]}'",
        "<!DOCTYPE html><title>Sorry</title>",
        ")]}'\n[null,null,null,null,null,true]",
        ")]}'\n[null,null,[]]",
        ")]}'\n[null,null,[[[]],[null],null,7]]",
        ')]}\'\n[null,null,[[["id only"]]]]',
        ')]}\'\n[["wrb.fr","/MapsUgcPostService.ListUgcPosts",null,null]]',
        ')]}\'\n[["wrb.fr","/MapsUgcPostService.ListUgcPosts","[null,null"]]',
        ')]}\'\n[["wrb.fr","/MapsTrafficService.GetAreaTraffic","[null,null,[[[\\"a\\"]]]]"]]',
        "[" * 200_000,
        "[\n" * 200_000,
        "\n" * 500_000,
        listed([None, None, [["[" * 5_000]]], shape="rpc") + "\n" + "[1]\n" * 1_000,
    ],
    ids=lambda body: body[:40],
)
def test_anything_else_gives_nothing(body: str) -> None:
    assert read(body) == []


def test_a_path_that_is_missing_anywhere_gives_null() -> None:
    whole = json.loads(answer_of(REVIEWS[:1], **_RPC).removeprefix(")]}'\n"))[2][0][0]
    found = 0
    for path in _paths(whole):
        for wrong in WRONG:
            changed = json.loads(json.dumps(whole))
            node = changed
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = wrong
            for review in read(listed([None, None, [[changed]]], shape="network")):
                found += 1
                json.dumps(review, default=str, allow_nan=False).encode()
                "".join(text for text in review.values() if isinstance(text, str)).encode()
    assert found > 100


_RPC: dict[str, Any] = {"cursor": None, "shape": "rpc", "base_url": SITE, "counted_from": NOW}


def _paths(node: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    inner = [p for i, n in enumerate(node) if isinstance(n, list) for p in _paths(n, (*path, i))]
    return [*((*path, index) for index in range(len(node))), *inner]


def test_a_date_that_cannot_be_falls_back_to_what_is_shown() -> None:
    author = [None, None, None, None, [None, None, None, None, None, ["Ada"]]]
    head = [None, None, 99, 99, author[4], None, "3 days ago"]
    review = one(["an id", head, [[4]]])
    assert review["published_at"] == datetime(2026, 11, 19, tzinfo=UTC)
    assert (review["published_at_precision"], review["is_edited"]) == ("day", False)
    in_2099 = 4_070_908_800_000_000
    review = one(["an id", [None, None, in_2099, None, author[4]], [[4]]])
    assert (review["published_at"], review["published_at_precision"]) == (None, None)


def test_an_edited_review_has_the_date_of_its_change() -> None:
    posted, edited = 1_700_000_000_000_001, 1_750_000_000_000_002
    review = one(["an id", [None, None, posted, edited], [[5]]])
    assert review["is_edited"] is True
    assert review["published_at"] == datetime(2025, 6, 15, 15, 6, 40, 2, tzinfo=UTC)


def test_real_answers_are_read() -> None:
    folder = FIXTURES / "maps-rpc"
    if not folder.is_dir():
        pytest.skip(f"no real answers in {folder}")
    reviews = {path.stem: _real(path) for path in folder.glob("*.json")}
    assert len(reviews) >= 4
    for review in reviews.values():
        assert review["published_at_precision"] == "exact"
        assert review["author_id"] in review["author_url"]
        assert review["author_photo_url"].startswith("https://lh3.googleusercontent.com/")
        assert 1 <= review["rating"] <= 5
        assert review["author_reviews_count"] > 0
        assert review["is_edited"] is False
    replied = reviews["review_with_reply"]
    assert (replied["language"], replied["translated_language"]) == ("de", "en")
    assert replied["text"].startswith("Ich bin ")
    assert replied["text_translated"].startswith("I am ")
    assert replied["owner_response_language"] == "de"
    assert replied["owner_response_relative_date"] == "2 months ago"
    assert reviews["review_no_text"]["text"] is None
    assert reviews["review_no_translation"]["text_translated"] is None
    assert reviews["review_no_translation"]["author_is_local_guide"] is True
    short = reviews["short_review_entry"]
    assert (short["text"], short["language"]) == ("Très bon !", "fr")
    assert short["sub_ratings"] == {"Cuisine": 5.0, "Service": 5.0, "Ambiance": 5.0}


def _real(path: Path) -> Item:
    """The one review of a file: an entry, or an entry in its wrapping."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    return one(saved if isinstance(saved[0], str) else saved[0][0])
