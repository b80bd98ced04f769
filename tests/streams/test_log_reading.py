"""Which records of a topic belong to some jobs, by key or by header."""

from __future__ import annotations

import pytest

from streams.domain.ids import new_job_id
from streams.domain.log_part import LogPart
from streams.log_reading import of_jobs, partitions_of
from streams.ports import Headers, RawRecord
from streams.topics import JOB_EVENTS, PARTITIONS, SCRAPED_ITEMS, WEBHOOK_EVENTS

JOB, OTHER = new_job_id(), new_job_id()
ALL = range(PARTITIONS)


def raw(topic: str, key: str, headers: Headers = ()) -> RawRecord:
    return RawRecord(
        topic=topic, partition=0, offset=0, key=key.encode(), value=b"", headers=headers
    )


@pytest.mark.parametrize("topic", [JOB_EVENTS, SCRAPED_ITEMS])
def test_events_and_items_are_of_the_job_that_they_are_keyed_by(topic: str) -> None:
    takes = of_jobs(LogPart(job_ids=(JOB,)), topic)
    assert takes(raw(topic, JOB))
    assert not takes(raw(topic, OTHER, [("ce_subject", JOB.encode())]))
    assert of_jobs(LogPart(), topic)(raw(topic, OTHER))


def test_a_delivery_is_of_the_job_that_its_header_names() -> None:
    takes = of_jobs(LogPart(job_ids=(JOB,)), WEBHOOK_EVENTS)
    assert takes(raw(WEBHOOK_EVENTS, "d", [("ce_id", b"e"), ("ce_subject", JOB.encode())]))
    assert not takes(raw(WEBHOOK_EVENTS, "d", [("ce_subject", OTHER.encode())]))
    assert not takes(raw(WEBHOOK_EVENTS, JOB))


def test_only_partitions_that_can_hold_the_job_are_read() -> None:
    one = LogPart(job_ids=(JOB,))
    assert len(partitions_of(one, JOB_EVENTS, ALL)) == 1
    assert partitions_of(one, JOB_EVENTS, ALL) == partitions_of(one, SCRAPED_ITEMS, ALL)
    assert partitions_of(one, WEBHOOK_EVENTS, ALL) == frozenset(ALL)
    assert partitions_of(LogPart(), JOB_EVENTS, ALL) == frozenset(ALL)
