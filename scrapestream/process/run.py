"""Runs a role until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from streams.log import configure_logging
from streams.settings import Settings


def run_role(name: str, role: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Run ``role`` in this process until SIGTERM or SIGINT.

    Raises:
        ScrapestreamError: it could not start, or cannot go on.
    """
    settings = Settings.from_env()
    configure_logging(name, as_json=settings.log_json)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(role(settings)))


async def _until_told(role: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(role)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return  # told to stop; what was open is closed
    except ExceptionGroup as group:
        # As a rule one of the things that run side by side fails: its own error says what to do.
        error: Exception = group
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            [error] = error.exceptions
        raise error from None
