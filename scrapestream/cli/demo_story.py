"""What the demo tells, and what it checks. Pure, but for the printing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
from standardwebhooks import Webhook, WebhookVerificationError

from scrapestream.cli.exits import CliError
from scrapestream.cli.text import safe, short

BAR_WIDTH = 40
ESTIMATED = frozenset({"published_at"})
"""From a date such as "3 months ago": it moves with the time of the look."""
Review = Mapping[str, Any]


def tell(text: str, *, indent: bool = False) -> None:
    """A line of the story, on stdout, at once; a heading unless ``indent``."""
    typer.echo(f"  {safe(text)}" if indent else f"\n{safe(text)}")


def review_lines(reviews: Sequence[Review]) -> Iterator[str]:
    """One line a review."""
    for review in reviews:
        stars = "★" * round(review.get("rating") or 0)
        author = short(review.get("author_name") or "", 18)
        date = short(review.get("relative_date") or "", 14)
        text = review.get("text") or review.get("text_translated") or "(no text)"
        yield f"{stars:<5}  {author:<18}  {date:<14}  {short(text, 56)}"


def histogram(reviews: Sequence[Review]) -> dict[int, int]:
    """How many reviews have so many stars, five first."""
    counts = Counter(round(review.get("rating") or 0) for review in reviews)
    return {stars: counts[stars] for stars in (5, 4, 3, 2, 1)}


def histogram_lines(reviews: Sequence[Review]) -> Iterator[str]:
    """A bar for each number of stars, and the mean."""
    counts = histogram(reviews)
    most = max(*counts.values(), 1)
    for stars, count in counts.items():
        yield f"{stars} ★  {count:>4}  {'█' * round(BAR_WIDTH * count / most)}"
    rated = sum(counts.values())
    mean = sum(stars * count for stars, count in counts.items()) / max(rated, 1)
    yield f"mean {mean:.2f} of {rated}"


def check_reviews(reviews: Sequence[Review], wanted: int, made: Sequence[Review]) -> str:
    """Compare with what the demo site made; the sentence that says that all is right.

    Raises:
        CliError: something is missing, doubled or different.
    """
    distinct = len({review["review_id"] for review in reviews})
    if (len(reviews), distinct) != (wanted, wanted):
        raise CliError(f"{len(reviews)} reviews, {distinct} distinct; the place has {wanted}")
    made_by_id = {review["review_id"]: review for review in made}
    fields = 0
    for review in reviews:
        truth = made_by_id.get(review["review_id"])
        if truth is None:
            raise CliError(f"the site never made a review {review['review_id']}")
        for name, value in truth.items():
            if name in ESTIMATED:
                continue
            fields += 1
            if review.get(name) != value:
                raise CliError(
                    f"review {review['review_id']}: {name} is {review.get(name)!r}, "
                    f"and the site made {value!r}"
                )
    return f"ok  {distinct} of {wanted}; {fields:,} fields, each as the site made it"


def check_webhook(
    delivery: Mapping[str, Any], secret: str, job_id: str, wanted: int
) -> Iterator[str]:
    """Verify a received webhook; the lines that say what came.

    Raises:
        CliError: a signature does not fit, or the body is not about this job.
    """
    headers = {name.lower(): str(value) for name, value in delivery["headers"]}
    body = base64.b64decode(delivery["body_base64"])
    yield f"POST, {len(body)} bytes, answered {delivery['answered']}"
    yield short(body.decode(), 200)
    signature = headers.get("x-webhook-signature", "")
    if not hmac.compare_digest(
        hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), signature
    ):
        raise CliError("X-Webhook-Signature does not fit the body")
    yield f"ok  X-Webhook-Signature {signature[:16]}... is the body's HMAC-SHA256"
    if not _is_verified(secret, body, headers):
        raise CliError("webhook-signature does not fit")
    if _is_verified(secret, body + b" ", headers):
        raise CliError("webhook-signature fits a changed body as well")
    yield (
        f"ok  webhook-signature {headers['webhook-signature'][:16]}... verified by the library "
        "standardwebhooks; a changed body is refused"
    )
    told = json.loads(body)
    facts = told.get("data", told)
    if (facts.get("job_id"), facts.get("reviews_count")) != (job_id, wanted):
        raise CliError(f"the webhook is not about this job and its {wanted} reviews")


def _is_verified(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True
