"""What the demo checks: it must notice when something is not as it must be."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scrapestream.cli.demo_story import (
    check_reviews,
    check_webhook,
    histogram,
    histogram_lines,
    review_lines,
)
from scrapestream.cli.exits import CliError
from streams.webhook_signature import signed_headers
from tests.support.job_scripts import review

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
MADE = [review(number) for number in range(3)]
Change = Callable[[dict[str, Any]], None]


def delivered(change: Change = lambda _: None, secret: str = SECRET) -> dict[str, Any]:
    """A delivery as the demo site shows it, ``change``d on its way."""
    body = json.dumps({"event": "job.completed", "job_id": "job-1", "reviews_count": 3}).encode()
    headers = signed_headers("d1", body, datetime.now(UTC), secret)
    delivery: dict[str, Any] = {
        "headers": [[name.lower(), value] for name, value in headers.items()],
        "body_base64": base64.b64encode(body).decode(),
        "answered": 204,
    }
    change(delivery)
    return delivery


def changed_body(delivery: dict[str, Any]) -> None:
    delivery["body_base64"] = base64.b64encode(b'{"job_id": "job-1"}').decode()


def no_standard_signature(delivery: dict[str, Any]) -> None:
    delivery["headers"] = [pair for pair in delivery["headers"] if pair[0] != "webhook-signature"]


def test_a_webhook_that_is_right_is_told_in_lines() -> None:
    lines = list(check_webhook(delivered(), SECRET, "job-1", 3))

    assert sum(line.startswith("ok") for line in lines) == 2
    assert not any(SECRET in line for line in lines)


@pytest.mark.parametrize(
    ("delivery", "job_id", "wanted"),
    [
        (delivered(changed_body), "job-1", 3),
        (delivered(no_standard_signature), "job-1", 3),
        (delivered(secret="another"), "job-1", 3),
        (delivered(), "job-2", 3),
        (delivered(), "job-1", 4),
    ],
)
def test_a_webhook_that_is_wrong_is_refused(
    delivery: dict[str, Any], job_id: str, wanted: int
) -> None:
    with pytest.raises(CliError):
        list(check_webhook(delivery, SECRET, job_id, wanted))


def test_reviews_as_the_site_made_them_are_right() -> None:
    moved = [{**one, "published_at": "2026-01-01"} for one in reversed(MADE)]

    assert check_reviews(moved, 3, MADE).startswith("ok  3 of 3")


@pytest.mark.parametrize(
    "reviews",
    [
        MADE[:2],
        [*MADE[:2], MADE[0]],
        [*MADE[:2], {**MADE[2], "rating": 4.0}],
        [*MADE[:2], review(9)],
    ],
)
def test_reviews_that_miss_or_differ_are_refused(reviews: list[dict[str, Any]]) -> None:
    with pytest.raises(CliError):
        check_reviews(reviews, 3, MADE)


def test_the_histogram_counts_every_star() -> None:
    reviews = [{"rating": rating} for rating in (5.0, 5.0, 4.0, 1.0)]

    assert histogram(reviews) == {5: 2, 4: 1, 3: 0, 2: 0, 1: 1}
    assert list(histogram_lines(reviews))[-1] == "mean 3.75 of 4"
    assert list(histogram_lines([]))[-1] == "mean 0.00 of 0"


def test_a_review_is_one_line_whatever_it_holds() -> None:
    hostile = review(1, "two\nlines \x1b[31mred") | {"author_name": None, "rating": None}

    (line,) = review_lines([hostile])

    assert "\n" not in line
    assert "\x1b" not in line
