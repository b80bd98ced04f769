"""What a part of a one-machine stack is: a process, and the question that shows it works."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from streams.errors import PartFailedError

READY_S = 60.0  # a cold JVM on a loaded machine; usually 3 s
ASK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One child process of the supervisor."""

    name: str
    """Unique in the stack, the same after a restart."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """Added to the environment of the supervisor."""
    address: str
    """Where others reach it; empty when nobody does."""
    log_file: Path
    """Takes its output."""
    ready: Callable[[], Coroutine[None, None, None]]
    """Returns once the part answers; raises `PartFailedError` when it takes too long."""
    stop_s: float = 15.0
    """Time it has to stop after SIGTERM, seconds; then it is killed."""


async def until(
    ask: Callable[[], Awaitable[bool]], *, what: str, within_s: float = READY_S
) -> None:
    """Ask again and again until the answer is yes.

    Raises:
        PartFailedError: not within ``within_s``.
    """
    try:
        async with asyncio.timeout(within_s):
            while True:
                if await ask():
                    return
                await asyncio.sleep(ASK_EVERY_S)
    except TimeoutError:
        raise PartFailedError(f"{what} did not answer within {within_s:.0f} s") from None


async def answers_http(url: str) -> bool:
    """Whether a GET of ``url`` gives 200 now."""
    return await asyncio.to_thread(_get_is_ok, url)


def http_part_ready(
    url: str, *, what: str, within_s: float = READY_S
) -> Callable[[], Coroutine[None, None, None]]:
    """A `Part.ready` that waits for status 200 of ``url``."""

    async def ready() -> None:
        await until(lambda: answers_http(url), what=what, within_s=within_s)

    return ready


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a port in TIME_WAIT is free, one that somebody listens on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _get_is_ok(url: str) -> bool:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", target)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
