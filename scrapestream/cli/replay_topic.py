"""``scrapestream replay --into-topic``: events once more, in a topic of their own."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Any

import typer

from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, say
from streams.domain.log_part import LogPart
from streams.domain.pace import pace_in
from streams.settings import Settings

TOLD_EVERY_S = 1.0


def replay_to_topic(
    settings: Settings, part: LogPart, source: str, topic: str, speed: str, *, as_json: bool
) -> None:
    """Copy, and say how far it is; Ctrl-C stops it with what was done.

    Raises:
        CliError: the speed cannot be read.
        InvalidRequestError: the topic may not be replayed into.
    """
    # The drivers load longer than most verbs run.
    from scrapestream.replaying import replay_into_topic  # noqa: PLC0415
    from streams.topic_replay import TopicReplayed  # noqa: PLC0415

    try:
        pace = pace_in(speed)
    except ValueError as error:
        raise CliError(f"--speed: {error}", ExitCode.USAGE) from None
    done = TopicReplayed(source=source, topic=topic)
    told = _Teller(done)
    try:
        asyncio.run(replay_into_topic(settings, part, pace, done, told=told))
    except KeyboardInterrupt:
        _finish(done, as_json=as_json)
        raise typer.Exit(ExitCode.DETACHED) from None
    _finish(done, as_json=as_json)


class _Teller:
    def __init__(self, done: Any) -> None:
        self._done = done
        self._began_s = self._told_s = time.monotonic()

    def __call__(self, looked_at: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            rate = self._done.records / (now_s - self._began_s)
            say(f"{looked_at:,} of {total:,}; {rate:,.0f} records/s")


def _finish(done: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
    rate = done.records / done.seconds if done.seconds else 0.0
    how = "" if done.is_whole else "stopped: "
    say(
        f"{how}{done.records:,} records of {done.source} are in {done.topic}, "
        f"{done.seconds:.1f} s ({rate:,.0f} records/s)"
    )
