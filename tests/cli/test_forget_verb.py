"""``forget``: what it refuses before it connects, and what ``tail`` shows afterwards."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from typer.testing import CliRunner

from scrapestream.cli.app import app
from scrapestream.cli.exits import ExitCode
from scrapestream.cli.tail import left_of
from streams.domain.erasure import ErasureRequested, Erasures, Subject, subject_hash

JOB, AUTHOR = "1" * 32, "104857600000000000001"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--resume"),
        (["--job", JOB, "--author", AUTHOR, "--yes"], "name one of"),
        (["--job", JOB, "--resume"], "name one of"),
        (["--job", JOB], "--dry-run"),
    ],
)
def test_nothing_is_erased_without_saying_what_and_that_it_is_meant(
    arguments: list[str], said: str
) -> None:
    result = CliRunner().invoke(app, ["forget", *arguments])
    assert result.exit_code == ExitCode.USAGE
    assert said in result.output


def erasures() -> Erasures:
    known = Erasures()
    for subject, text, job_ids in ((Subject.JOB, JOB, (JOB,)), (Subject.AUTHOR, AUTHOR, ())):
        known.add(
            ErasureRequested(
                erasure_id=text,
                subject=subject,
                subject_hash=subject_hash(subject, text),
                job_ids=job_ids,
            )
        )
    return known


def record(**more: Any) -> dict[str, Any]:
    return {"topic": "scraped-items", "partition": 1, "offset": 2, "key": "k", **more}


@pytest.mark.parametrize(
    "forgotten",
    [
        record(type="GoogleReview", value={"job_id": JOB, "text": "words"}),
        record(type="GoogleReview", value={"job_id": "2" * 32, "author_id": AUTHOR}),
        record(type=None, value_base64=base64.b64encode(f"x{AUTHOR}y".encode()).decode()),
        record(key=JOB, type=None, value_base64=base64.b64encode(b"words").decode()),
    ],
)
def test_tail_shows_where_a_forgotten_record_stands_and_nothing_of_it(
    forgotten: dict[str, Any],
) -> None:
    left = left_of(forgotten, erasures())
    assert (left["partition"], left["offset"], left["error"]) == (1, 2, "erased")
    assert left["value"] is None
    assert left["value_base64"] is None
    other = record(type="GoogleReview", value={"job_id": "2" * 32, "author_id": "12345678"})
    assert left_of(other, erasures()) is other
