"""What is left of records that must be forgotten."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given as random
from hypothesis import strategies as st

from schemas.catalog import all_schemas
from streams.domain import erasure, events
from streams.domain.erasure import (
    ERASED,
    ErasureCompleted,
    ErasureRequested,
    Erasures,
    Subject,
    subject_hash,
)
from streams.domain.events import AUTHORS, JobEvent
from streams.domain.fold import fold
from streams.domain.ids import JobId
from streams.domain.items import RecordedItem
from streams.ports import RawRecord
from tests.domain.test_every_event import ANY, ENVELOPE
from tests.domain.test_job_story import ASKED
from tests.support.given import JOB, job_after, recorded

AUTHOR = "104857600000000000001"
SECRET = "Praxis Dr. Example"
WORDY: list[JobEvent] = [
    events.ScrapeRequested(
        kind="k",
        url=f"https://x/{SECRET}",
        options={"q": SECRET},
        metadata={"of": SECRET},
    ),
    events.TargetDescribed(attempt=1, worker="w1", title=SECRET, facts={"url": SECRET}),
    events.CancelRequested(reason=SECRET),
    events.AttemptFailed(attempt=1, worker="w1", reason="r", message=SECRET, may_retry=True),
    events.AttemptSucceeded(
        attempt=1, worker="w1", outcome="completed", items_count=1, message=SECRET
    ),
    events.ScrapeCancelled(
        kind="k",
        url=SECRET,
        requested_at=datetime.now(UTC),
        attempt=1,
        items_count=0,
        metadata={"of": SECRET},
        reason=SECRET,
    ),
    events.ScrapeFailed(
        kind="k",
        url=SECRET,
        requested_at=datetime.now(UTC),
        attempt=1,
        items_count=0,
        reason="r",
        message=SECRET,
    ),
]


def asked(subject: Subject, text: str = "", *job_ids: str) -> ErasureRequested:
    return ErasureRequested(
        erasure_id=f"e-{subject}-{text}",
        subject=subject,
        subject_hash=subject_hash(subject, text),
        job_ids=job_ids,
    )


def erasures(*requests: ErasureRequested) -> Erasures:
    known = Erasures()
    for each in requests:
        known.add(each)
    return known


def item(author: str | None = AUTHOR, job_id: str = JOB) -> RecordedItem:
    return RecordedItem(
        job_id=JobId(job_id),
        tenant="public",
        event_id="e",
        occurred_at=datetime.now(UTC),
        partition=1,
        offset=2,
        schema="GoogleReview",
        fields={"review_id": "r1", "author_id": author, "text": SECRET, "position": 3},
    )


@pytest.mark.parametrize("event", [*WORDY, *ANY], ids=lambda event: type(event).__name__)
def test_nothing_that_somebody_wrote_is_left_of_a_forgotten_job(event: JobEvent) -> None:
    left = erasures(asked(Subject.JOB, JOB, JOB)).event(recorded(event, 1))
    assert SECRET.encode() not in msgspec.json.encode(left.event)
    assert type(left.event) is type(event)
    assert (left.event_id, left.offset) == (recorded(event, 1).event_id, 1)


def test_every_text_of_an_event_is_either_emptied_or_known_to_be_ours() -> None:
    ours = {
        *("kind", "priority", "worker", "stage", "outcome", "batch_id", "retry_of", "cloned_from"),
        "monitor_id",
        *("request_fingerprint", "webhook", "items", "selectors", "sources"),
        *("key", "sha256"),  # of a file of results: by day and job
    }
    for cls in AUTHORS:
        fields = {each.name: str(each.type) for each in dataclasses.fields(cls)}
        texts = {name for name, type_ in fields.items() if "str" in type_}
        emptied = {*erasure.EMPTIED, "message"}
        if cls in {events.CancelRequested, events.ScrapeCancelled}:
            emptied |= {"reason"}
        else:
            ours = ours | {"reason"}
        assert texts <= emptied | ours, cls.__name__


@random(st.lists(st.sampled_from([*ANY, *WORDY[1:5]]), max_size=12))
def test_what_is_left_of_a_job_is_the_fold_of_what_is_left_of_its_events(
    story: list[JobEvent],
) -> None:
    known = erasures(asked(Subject.JOB, JOB, JOB))
    log = [recorded(event, offset, at_s=offset) for offset, event in enumerate([ASKED, *story])]
    job = fold(log)
    assert job is not None
    assert known.job(job) == fold([known.event(each) for each in log])


def test_an_item_of_a_forgotten_job_keeps_its_place_and_nothing_else() -> None:
    left = erasures(asked(Subject.PLACE, "https://x/", JOB)).item(item())
    assert (left.schema, dict(left.fields)) == (ERASED, {})
    assert (left.partition, left.offset, left.event_id) == (1, 2, "e")


def test_an_author_stays_forgotten_in_every_job_and_others_do_not() -> None:
    known = erasures(asked(Subject.AUTHOR, AUTHOR))
    assert known.item(item(job_id="f" * 32)).schema == ERASED
    assert known.item(item("104857600000000000002")).schema == "GoogleReview"
    assert known.item(item(None)).schema == "GoogleReview"
    job = job_after(ASKED)
    assert known.job(job) is job


def test_a_place_that_is_scraped_again_is_shown_again() -> None:
    known = erasures(asked(Subject.PLACE, "https://x/", JOB))
    assert known.item(item(job_id="f" * 32)).fields["text"] == SECRET


def test_the_event_does_not_name_what_it_makes_forgotten() -> None:
    for subject in Subject:
        assert AUTHOR not in str(asked(subject, AUTHOR).subject_hash)
    assert asked(Subject.AUTHOR, AUTHOR).subject_hash != asked(Subject.JOB, AUTHOR).subject_hash


def test_an_erasure_is_open_until_it_is_completed() -> None:
    known = erasures(asked(Subject.JOB, JOB, JOB))
    [erasure_id] = known.open
    known.add(ErasureCompleted(erasure_id=erasure_id))
    assert not known.open
    assert JOB in known.jobs


def test_bytes_that_nobody_could_decode_are_hidden_when_they_name_a_forgotten_author() -> None:
    known = erasures(asked(Subject.AUTHOR, AUTHOR), asked(Subject.JOB, JOB, JOB))
    assert known.hides_text(None, f"\x00\x01author{AUTHOR}\x02")
    assert known.hides_text(JOB, "anything")
    assert not known.hides_text("f" * 32, "of 104857600000000000002")


@pytest.mark.parametrize("event", [ErasureRequested, ErasureCompleted])
def test_each_event_of_an_erasure_has_a_schema_with_the_same_fields(event: type) -> None:
    schema = all_schemas()[event.__name__]
    in_schema = {field["name"] for field in schema.parsed["fields"]}
    assert in_schema == ENVELOPE | {field.name for field in dataclasses.fields(event)}


def test_a_record_that_must_be_forgotten_is_not_copied_to_another_topic() -> None:
    known = erasures(asked(Subject.AUTHOR, AUTHOR), asked(Subject.JOB, JOB, JOB))
    other = "f" * 32

    def raw(subject: str, value: bytes) -> RawRecord:
        headers = [("ce_subject", subject.encode())]
        return RawRecord(
            topic="t", partition=0, offset=0, key=b"delivery", value=value, headers=headers
        )

    assert known.hides_record(raw(JOB, b"anything"))
    assert known.hides_record(raw(other, b"\x02*" + AUTHOR.encode() + b"\x02"))
    assert known.hides_record(raw(other, b"\x024" + AUTHOR.encode()))  # a length like a digit
    assert not known.hides_record(raw(other, b"\x02*104857600000000000002\x02"))
    assert not Erasures().hides_record(raw(JOB, b"anything"))
