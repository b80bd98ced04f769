"""The answers that a place page's own script gets over the network, in Google Maps' two shapes.

Their paths are the ones that ``scrapers/sites/google_reviews/network.py`` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from embedded.demo.generator import (
    UNIT_MINUTES,
    DemoReview,
    reply_date,
    truth_of,
)
from embedded.demo.look import Look

SHAPES = ("network", "rpc")
"""``batchexecute`` as it is today, and the older ``/maps/rpc/listugcposts``."""
PREFIX = ")]}'"
"""Keeps other sites from running the answer as a script."""
EDITED_AFTER = timedelta(days=40)
"""How long after they were posted the edited reviews were changed."""
_ROW_NAME = "/MapsUgcPostService.ListUgcPosts"


def answer_of(
    reviews: Sequence[DemoReview],
    *,
    cursor: str | None,
    shape: str,
    base_url: str,
    counted_from: datetime,
    look: Look | None = None,
) -> str:
    """The body that brings ``reviews``; ``cursor`` asks for more, None at the list's end.

    Ages count back from ``counted_from``: the same time for all answers of a site, so that a
    review keeps its date.
    """
    entries = [_entry(review, base_url, counted_from, look or Look()) for review in reviews]
    return listed([None, cursor, [[entry] for entry in entries]], shape=shape)


def listed(payload: Any, *, shape: str) -> str:
    """``payload`` as the body of an answer."""
    if shape == "rpc":
        return f"{PREFIX}\n{_json(payload)}"
    row = ["wrb.fr", _ROW_NAME, _json(payload), None, None, None, "generic"]
    chunks = (
        [row],
        [["di", 143], ["af.httprm", 143, "-4021", 21]],
        [["e", 4, None, None, 12_345]],
    )
    # The length counts the line breaks around the chunk.
    lines = [f"{len(text) + 2}\n{text}" for text in map(_json, chunks)]
    return f"{PREFIX}\n\n" + "\n".join(lines) + "\n"


def exact_truth_of(
    review: DemoReview,
    base_url: str,
    *,
    counted_from: datetime,
    now: datetime | None = None,
    look: Look | None = None,
) -> dict[str, Any]:
    """What a scraper must find that reads both the cards and the answers."""
    truth = truth_of(review, base_url, now, look)
    reply_fields = ("owner_response_text", "owner_response_language")
    return {
        **truth,
        **{name: review.truth[name] for name in reply_fields},
        "text": review.whole_text,
        "is_text_complete": True if review.whole_text else None,
        "language": review.truth["language"],
        "text_translated": review.translation,
        "translated_language": "en" if review.translation else None,
        "published_at": changed_at(review, counted_from),
        "published_at_precision": "exact",
        "photo_urls": [base_url + path for path in _photo_paths(review)],
        "source": "network",
    }


def changed_at(review: DemoReview, counted_from: datetime) -> datetime:
    """When the review was written or, where it was edited, changed: to the microsecond."""
    amount, unit = review.truth["age"]
    age = timedelta(minutes=amount * UNIT_MINUTES[unit])
    return (counted_from - age).replace(microsecond=review.truth["position"] * 7_919 % 1_000_000)


def _entry(review: DemoReview, base_url: str, counted_from: datetime, look: Look) -> Any:
    truth = review.truth
    changed = changed_at(review, counted_from)
    posted = changed - EDITED_AFTER if truth["is_edited"] else changed
    values: dict[tuple[int, ...], Any] = {
        (0,): truth["review_id"],
        (1, 0): "0x0:0x2a",
        (1, 2): _micros(posted),
        (1, 3): _micros(changed),
        (1, 4, 2, 0): truth["author_url"],
        (1, 4, 5, 0): truth["author_name"],
        (1, 4, 5, 1): base_url + truth["author_photo_url"],
        (1, 4, 5, 2, 0): truth["author_url"].replace("/reviews", ""),
        (1, 4, 5, 3): truth["author_id"],
        (1, 4, 5, 5): truth["author_reviews_count"],
        (1, 4, 5, 6): truth["author_photos_count"],
        (1, 4, 5, 8): [int(truth["author_is_local_guide"]), 3, 1],
        (1, 6): look.labels.date(*truth["age"]),
        (1, 13): ["Google", f"{base_url}/static/map.svg"],
        (2, 0, 0): int(truth["rating"]),
        (4, 2): truth["position"],
    }
    if review.whole_text is not None:
        values[2, 14] = [truth["language"]]
        # The end of the range is where the page cuts the text, not where the text ends.
        values[2, 15] = [[review.whole_text, None, [0, min(240, len(review.whole_text))]]]
        if review.translation is not None:
            values[2, 14] += ["en", None, "English", 1]
            values[2, 15].append([review.translation, None, [0, len(review.translation)]])
    if truth["photos_count"]:
        values[2, 2] = [_photo(base_url + path) for path in _photo_paths(review)]
    if truth["sub_ratings"] or review.details:
        values[2, 6] = [_aspect(*aspect) for aspect in truth["sub_ratings"].items()]
        values[2, 6] += [_choice(*line.split(" ", 1)) for line in review.details]
    if truth["owner_response_text"] is not None:
        values[3, 3] = reply_date(review, look)
        values[3, 13] = [truth["owner_response_language"]]
        values[3, 14, 0] = [truth["owner_response_text"], None, [0, 120]]
    return _nested(values)


def _photo_paths(review: DemoReview) -> list[str]:
    index = review.truth["position"] - 1
    return [
        f"/demo-pictures/photo/{index}-{number}.svg"
        for number in range(review.truth["photos_count"])
    ]


def _photo(url: str) -> Any:
    return ["AF1Qip", _nested({(0,): "AF1Qip", (6, 0): url, (6, 2): [1_200, 900]})]


def _aspect(label: str, stars: float) -> Any:
    name = f"GUIDED_DINING_{label.upper()}_ASPECT"
    return _nested({(0, 0): name, (1,): label, (5,): label, (11, 0): int(stars), (13,): 2})


def _choice(label: str, answer: str) -> Any:
    values = {(0, 0): "GUIDED_VISIT", (1,): label, (2, 0, 0, 1): answer, (5,): label, (13,): 1}
    return _nested(values)


def _nested(values: Mapping[tuple[int, ...], Any]) -> list[Any]:
    """Lists within lists that hold ``values`` at their paths, and null between them."""
    root: list[Any] = []
    for path, value in values.items():
        node = root
        for step, following in zip(path, (*path[1:], None), strict=True):
            node.extend([None] * (step + 1 - len(node)))
            if following is None:
                node[step] = value
            else:
                if node[step] is None:
                    node[step] = []
                node = node[step]
    return root


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
