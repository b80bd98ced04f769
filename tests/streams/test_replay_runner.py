"""A replay that was asked for is done by a process; a lost one is replaced, and never hangs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from scrapestream.process.replay import ReplayChild, begin
from scrapestream.wiring import LogParts, open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.event_log import RecordEventLog
from streams.adapters.kafka_reader import open_reader
from streams.adapters.memory import MemoryBroker
from streams.adapters.records import Records
from streams.domain.ids import new_job_id
from streams.domain.replays import (
    MOST_ATTEMPTS,
    ReplayEvent,
    ReplayRequested,
    ReplayState,
    ReplayStatus,
    ReplayStopRequested,
    new_replay_event,
)
from streams.projections import job_events
from streams.replay_board import ReplayBoard, Replays
from streams.replay_runner import ReplayProcess, ReplayRunner
from streams.settings import Settings
from streams.topics import REPLAY_EVENTS, topic_schemas
from tests.streams.test_materializer import materializing, stored
from tests.streams.test_replay import EVENTS, append

WAIT_S = 60.0


class Process:
    """A process that ends when the test says so."""

    def __init__(self, state: ReplayState) -> None:
        self.state = state
        self.has_ended = False
        self.was_stopped = False

    async def stop(self) -> None:
        self.was_stopped = self.has_ended = True


class Stage:
    """A runner over twins in memory."""

    def __init__(self, broker: MemoryBroker, records: Records) -> None:
        self.broker = broker
        self.log = RecordEventLog(broker, records)
        self.processes: list[Process] = []
        self.replays = Replays(records.learn, records.read_replay)
        self.runner = ReplayRunner(
            Settings(), self.log, lambda: self.replays, self._begin, name="m", retry_s=0
        )

    async def _begin(self, state: ReplayState) -> ReplayProcess:
        self.processes.append(Process(state))
        return self.processes[-1]

    async def happens(self, replay_id: str, event: ReplayEvent) -> None:
        await self.log.append_replay(new_replay_event(replay_id, event, datetime.now(UTC)))
        await self.replays.apply(self.broker.records(REPLAY_EVENTS))

    def status(self, replay_id: str) -> ReplayStatus:
        state = self.replays.find(replay_id)
        assert state is not None
        return state.status


@pytest.fixture
async def stage() -> Stage:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    codec = await open_codec(registry, topic_schemas())
    return Stage(MemoryBroker(), Records(codec, "/scrapestream/test"))


async def test_one_after_the_other_in_the_order_in_which_they_were_asked_for(stage: Stage) -> None:
    for replay_id in ("a", "b"):
        await stage.happens(replay_id, ReplayRequested(projections=("jobs",)))
    for _ in range(3):
        await stage.runner.step()
    assert [each.state.replay_id for each in stage.processes] == ["a"]
    assert (stage.status("a"), stage.status("b")) == (ReplayStatus.RUNNING, ReplayStatus.WAITING)


async def test_a_replay_whose_processes_are_all_lost_fails(stage: Stage) -> None:
    await stage.happens("a", ReplayRequested(projections=("jobs",)))
    for _ in range(3 * MOST_ATTEMPTS):
        await stage.runner.step()
        for process in stage.processes:
            process.has_ended = True
    assert [each.state.attempt for each in stage.processes] == [1, 2, 3]
    state = stage.replays.find("a")
    assert state is not None
    assert state.status is ReplayStatus.FAILED
    assert "3 times" in (state.reason or "")


async def test_stopping_ends_the_process_and_those_that_wait_at_once(stage: Stage) -> None:
    for replay_id in ("a", "b", "c"):
        await stage.happens(replay_id, ReplayRequested(projections=("jobs",)))
    await stage.runner.step()
    await stage.happens("b", ReplayStopRequested())
    await stage.runner.step()
    assert (stage.status("a"), stage.status("b")) == (ReplayStatus.RUNNING, ReplayStatus.STOPPED)
    await stage.happens("a", ReplayStopRequested())
    await stage.runner.step()
    assert stage.processes[0].was_stopped
    assert stage.status("a") is ReplayStatus.STOPPED
    await stage.runner.step()
    assert stage.processes[1].state.replay_id == "c"


@asynccontextmanager
async def running(settings: Settings, log: LogParts, *, kills: int) -> AsyncIterator[None]:
    """A runner with real processes, of which the first ones are killed."""
    left = kills

    async def begin_or_kill(state: ReplayState) -> ReplayProcess:
        nonlocal left
        child: ReplayChild = await begin(state)
        if left:
            left -= 1
            os.kill(child.pid, signal.SIGKILL)
        return child

    def new_fold() -> Replays:
        return Replays(log.records.learn, log.records.read_replay)

    runner = ReplayRunner(settings, log.event_log, new_fold, begin_or_kill, name="it", retry_s=0.1)
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(
    board: ReplayBoard, replay_id: str, is_so: Callable[[ReplayState], bool]
) -> ReplayState:
    async with asyncio.timeout(WAIT_S):
        while True:
            state = (await board.look()).find(replay_id)
            if state is not None and is_so(state):
                return state
            await asyncio.sleep(0.1)


@pytest.mark.timeout(170)
async def test_a_killed_process_is_replaced_and_the_rows_are_mended(
    parts: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kafka_url", "registry_url", "clickhouse_url"):
        monkeypatch.setenv(f"SCRAPESTREAM_{name.upper()}", getattr(parts, name))
    job_id = new_job_id()
    await append(parts, [job_id])
    async with (
        materializing(parts),
        open_clickhouse(parts) as clickhouse,
        open_log(parts, "api") as log,
        open_reader(parts, "it-replays", wait_ms=20) as reader,
    ):
        await stored(clickhouse, [job_id], EVENTS)
        await clickhouse.run(
            f"DELETE FROM {job_events.projection.table} WHERE job_id = '{job_id}' "
            "AND type = 'AttemptStarted'"
        )
        board = ReplayBoard(reader, Replays(log.records.learn, log.records.read_replay))
        asked = ReplayRequested(projections=("job_events",), job_ids=(job_id,))
        async with running(parts, log, kills=1):
            replay_id = new_job_id()
            event = new_replay_event(replay_id, asked, datetime.now(UTC))
            await log.event_log.append_replay(event)
            state = await until(board, replay_id, lambda state: not state.is_open)
            assert (state.status, state.attempt) == (ReplayStatus.COMPLETED, 2), state
            [result] = state.results
            assert (result.inserted, result.drift[0].job_id) == (1, job_id)
            await stored(clickhouse, [job_id], EVENTS)

            # What can never work says why, and is not tried again.
            wrong_id = new_job_id()
            wrong = replace(asked, projections=(), into_topic="job-events")
            await log.event_log.append_replay(new_replay_event(wrong_id, wrong, datetime.now(UTC)))
            state = await until(board, wrong_id, lambda state: not state.is_open)
            assert (state.status, state.attempt) == (ReplayStatus.FAILED, 1)
            assert "fresh name" in (state.reason or "")
        assert not await clickhouse.rows("SHOW TABLES LIKE '%rebuilt%'")
