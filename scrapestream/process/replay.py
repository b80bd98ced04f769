"""One attempt at a replay, in a process of its own: ``python -m scrapestream.process.replay ID N``.

The materializer starts it, and holds the other end of its standard input: when that ends, the
materializer is gone, and so is this process before another one begins again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.errors import RegistryError
from scrapestream.replaying import replay_into_topic, replay_projection
from scrapestream.wiring import open_log
from streams.adapters.kafka_reader import open_reader
from streams.domain.log_part import LogPart
from streams.domain.pace import pace_in
from streams.domain.replays import (
    JobDrift,
    ReplayCompleted,
    ReplayEvent,
    ReplayFailed,
    ReplayRequested,
    ReplayResult,
    ReplayState,
    new_replay_event,
)
from streams.errors import InvalidRequestError, ScrapestreamError
from streams.log import configure_logging
from streams.projections.catalogue import all_projections
from streams.replay import Replayed
from streams.replay_board import ReplayBoard, Replays
from streams.replay_progress import ReplayProgress
from streams.settings import Settings
from streams.topic_replay import TopicReplayed
from streams.topics import JOB_EVENTS

log = logging.getLogger(__name__)

LOWER_PRIORITY = 5  # the live materializer goes first
MOST_DRIFT_TOLD = 100
STOP_S = 10.0
SHOWN_BYTES = 500


class ReplayChild:
    """``streams.replay_runner.ReplayProcess``."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.returncode is not None

    async def stop(self) -> None:
        """It drops its table; if that takes too long, the next attempt does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def begin(state: ReplayState) -> ReplayChild:
    """Start the process of one attempt."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, state.replay_id, str(state.attempt)),
        stdin=PIPE,
        stdout=DEVNULL,
    )
    return ReplayChild(process)


async def attempt(settings: Settings, replay_id: str, number: int) -> None:
    """Do it, and record how it ended; an outage ends the process, and another attempt follows."""
    async with open_log(settings, "materializer") as parts:
        async with open_reader(settings, "replay-request") as reader:
            fold = Replays(parts.records.learn, parts.records.read_replay)
            state = (await ReplayBoard(reader, fold).look()).find(replay_id)
        if state is None or not state.is_open or state.attempt != number:
            return  # somebody else is at it
        progress = ReplayProgress(replay_id=replay_id, attempt=number)
        telling = asyncio.create_task(progress.record(parts.event_log))
        event: ReplayEvent
        try:
            results = await _done(settings, state, progress)
            event = ReplayCompleted(attempt=number, results=results)
        except InvalidRequestError as error:
            event = ReplayFailed(attempt=number, reason=str(error)[:SHOWN_BYTES])
        finally:
            telling.cancel()
        await asyncio.wait({telling})
        await parts.event_log.append_replay(new_replay_event(replay_id, event, datetime.now(UTC)))


async def _done(
    settings: Settings, state: ReplayState, progress: ReplayProgress
) -> Sequence[ReplayResult]:
    request = state.request
    part = part_of(request)
    if request.into_topic is not None:
        copied = TopicReplayed(source=request.source or JOB_EVENTS, topic=request.into_topic)
        progress.begin(None, "copying")
        pace = pace_in(request.speed or "max")
        await replay_into_topic(settings, part, pace, copied, told=progress.tell)
        return [ReplayResult(target=copied.topic, records=copied.records, seconds=copied.seconds)]
    results = []
    for projection in all_projections():
        if projection.name not in request.projections:
            continue
        progress.begin(projection.name, "reading")
        replayed = await replay_projection(
            settings,
            projection,
            part,
            compare=True,
            change=not request.dry_run,
            told=progress.tell,
            phase=progress.enter,
            name=state.replay_id[:8],
        )
        progress.drift_jobs += len(replayed.drift)
        results.append(result_of(replayed))
    return results


def part_of(request: ReplayRequested) -> LogPart:
    """The part of the log that was asked for."""
    return LogPart(since=request.since, before=request.before, job_ids=tuple(request.job_ids))


def result_of(replayed: Replayed) -> ReplayResult:
    """What the log keeps of it."""
    return ReplayResult(
        target=replayed.projection,
        records=replayed.records,
        rows=replayed.rows,
        jobs=replayed.jobs,
        seconds=replayed.seconds,
        moved=replayed.moved,
        inserted=replayed.inserted,
        removed=replayed.removed,
        not_stored_yet=replayed.not_stored_yet,
        drift_jobs=len(replayed.drift),
        drift=[
            JobDrift(job_id=each.job_id, missing=each.missing, surplus=each.surplus)
            for each in replayed.drift[:MOST_DRIFT_TOLD]
        ],
    )


async def _until_told(settings: Settings, replay_id: str, number: int) -> None:
    task = asyncio.create_task(attempt(settings, replay_id, number))
    loop = asyncio.get_running_loop()
    for told in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told, task.cancel)
    # Nothing is ever written to it: it becomes readable when its other end is gone.
    loop.add_reader(sys.stdin.fileno(), task.cancel)
    try:
        await task
    finally:
        loop.remove_reader(sys.stdin.fileno())


def main() -> None:
    """Run one attempt; the exit code is 0 when how it ended is in the log."""
    replay_id, number = sys.argv[1:]
    settings = Settings.from_env()
    configure_logging("replay", as_json=settings.log_json)
    os.nice(LOWER_PRIORITY)
    try:
        asyncio.run(_until_told(settings, replay_id, int(number)))
    except asyncio.CancelledError:
        sys.exit(1)
    except (ScrapestreamError, RegistryError) as error:
        log.warning("replay did not end", extra={"replay_id": replay_id, "reason": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
