"""Sees to it that replays which were asked for are done: one after the other, each in a process.

A process of its own, because a replay keeps a processor busy that the live materializing needs.
Of several materializers the one that has the topic's only partition does it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from schemas.errors import RegistryError
from streams.adapters.kafka_group import open_group_reader
from streams.adapters.kafka_reader import KafkaReader
from streams.domain.replays import (
    MOST_ATTEMPTS,
    ReplayEvent,
    ReplayStarted,
    ReplayState,
    ReplayStopped,
    decide_replay,
    new_replay_event,
    next_open,
)
from streams.errors import UnavailableError
from streams.ports import EventLog, TopicPartition
from streams.replay_board import Replays
from streams.settings import Settings
from streams.topics import REPLAY_EVENTS

log = logging.getLogger(__name__)

GROUP = "replays"
SESSION_S = 6.0
LOOK_S = 0.5
RETRY_S = 2.0


class ReplayProcess(Protocol):
    """A process that does one attempt, and records how it ended."""

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, however it went."""

    async def stop(self) -> None:
        """Let it tidy up, then see that it is gone."""


Begin = Callable[[ReplayState], Awaitable[ReplayProcess]]


class ReplayRunner:
    """Begins, watches and ends the processes. ``run`` goes on through outages, until cancelled."""

    def __init__(
        self,
        settings: Settings,
        event_log: EventLog,
        new_fold: Callable[[], Replays],
        begin: Begin,
        *,
        name: str,
        retry_s: float = RETRY_S,
    ) -> None:
        """``name`` of this process, for people; ``retry_s``: pause before another attempt."""
        self._settings = settings
        self._log = event_log
        self._new_fold = new_fold
        self._begin = begin
        self._name = name
        self._retry_s = retry_s
        self._replays = new_fold()
        self._process: ReplayProcess | None = None
        self._at_work = ""
        """The replay that the process does."""
        self._not_before_s = 0.0
        self._is_ours = False

    async def run(self) -> None:
        """Work."""
        while True:
            try:
                async with open_group_reader(
                    self._settings,
                    [REPLAY_EVENTS],
                    group=GROUP,
                    client_id="replays",
                    on_assigned=self._take_over,
                    on_revoked=self._let_go,
                    session_s=SESSION_S,
                ) as reader:
                    await self._work(reader)
            except (UnavailableError, RegistryError) as error:
                log.warning("replays wait", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)
            finally:
                await self._stop_process()

    async def _work(self, reader: KafkaReader) -> None:
        while True:
            raws = await reader.read(timeout_s=LOOK_S)
            if raws:
                await self._replays.apply(raws)
            elif self._is_ours:
                # Nothing is left to read, so what we recorded ourselves was read, too.
                await self.step()

    async def step(self) -> None:
        """Do what the replays as they stand ask for."""
        for each in self._replays.all():
            if each.is_open and each.stop_requested and each.replay_id != self._at_work:
                await self._record(each, ReplayStopped(attempt=each.attempt))
        if self._process is not None:
            await self._watch(self._process)
            return
        state = next_open(self._replays.all())
        if state is None or state.stop_requested or time.monotonic() < self._not_before_s:
            return
        event = decide_replay(state, self._name)
        await self._record(state, event)
        if isinstance(event, ReplayStarted):
            log.info("replay begins", extra={"replay_id": state.replay_id})
            begun = self._replays.find(state.replay_id) or state
            self._at_work, self._process = state.replay_id, await self._begin(begun)

    async def _watch(self, process: ReplayProcess) -> None:
        state = self._replays.find(self._at_work)
        if process.has_ended:
            self._process, self._at_work = None, ""
            if state is not None and state.is_open:
                log.warning("replay's process ended early", extra={"replay_id": state.replay_id})
                last = state.attempt >= MOST_ATTEMPTS
                self._not_before_s = time.monotonic() + (0 if last else self._retry_s)
        elif state is not None and state.stop_requested:
            await self._stop_process()
            await self._record(state, ReplayStopped(attempt=state.attempt))

    async def _record(self, state: ReplayState, event: ReplayEvent) -> None:
        recorded = new_replay_event(state.replay_id, event, datetime.now(UTC))
        await self._log.append_replay(recorded)
        self._replays.take(recorded)

    async def _take_over(
        self, partitions: frozenset[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Read all of it, to know what is open."""
        await self._stop_process()
        self._replays = self._new_fold()
        self._is_ours = bool(partitions)
        return dict.fromkeys(partitions, 0)

    async def _let_go(self, _: frozenset[TopicPartition]) -> None:
        """Another materializer begins the open replay again."""
        self._is_ours = False
        await self._stop_process()

    async def _stop_process(self) -> None:
        process, self._process, self._at_work = self._process, None, ""
        if process is not None:
            await process.stop()
