"""Partitions of which records are in the log and do not come."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streams.agents.stalls import STALLED_S, Stalls
from streams.domain.events import ScrapeRequested
from streams.domain.ids import new_job_id
from streams.domain.recorded import new_event
from tests.support.orchestration import Orchestration, open_records


def test_what_stands_still_behind_its_end_for_too_long_is_found() -> None:
    stalls = Stalls()
    assert stalls.find({0: 3, 1: 7}, {0: 4, 1: 7}, 0.0) == []
    assert stalls.find({0: 3, 1: 7}, {0: 5, 1: 7}, STALLED_S) == []
    assert stalls.find({0: 3, 1: 7}, {0: 5, 1: 7}, STALLED_S + 1) == [0]
    assert stalls.find({0: 5, 1: 7}, {0: 5, 1: 7}, STALLED_S + 2) == []


def test_a_partition_that_moves_or_was_away_is_given_its_time() -> None:
    stalls = Stalls()
    for number in range(10):  # behind all the time, and at work
        assert stalls.find({0: number}, {0: 99}, number * STALLED_S) == []
    assert stalls.find({}, {0: 99}, 100.0) == []
    assert stalls.find({0: 9}, {0: 99}, 101.0) == []


@pytest.fixture
async def at_work() -> AsyncIterator[Orchestration]:
    async with open_records() as records:
        begun = Orchestration(records)
        await begun.sweep()
        yield begun


async def test_a_job_that_no_record_speaks_of_any_more_is_offered(at_work: Orchestration) -> None:
    """Another one has read its request, and was gone before it offered the job."""
    job_id = new_job_id()
    asked = ScrapeRequested(kind="reviews", url="https://example.com/")
    await at_work.log.append([new_event(job_id, "public", asked, at_work.now())])
    await at_work.report_unread("w1", 1)
    await at_work.sweep_unread(STALLED_S - 1)
    assert at_work.offered() == []
    for _ in range(3):
        await at_work.report_unread("w1", 1)
        await at_work.sweep_unread(STALLED_S)
    assert at_work.offered() == [job_id]
