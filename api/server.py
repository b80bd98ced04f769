"""Runs the application: uvicorn, and what works behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from api.app import api_of
from api.joined_writes import JoiningProtocol
from streams.errors import PartFailedError
from streams.settings import Settings

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 30  # pollers come every second or two: let them keep their connection
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def open_socket(settings: Settings) -> socket.socket:
    """The listening socket; port 0 takes a free one, which ``getsockname`` tells.

    Raises:
        PartFailedError: the address cannot be taken; says what to do.
    """
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            settings.api_host, settings.api_port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PartFailedError(
            f"SCRAPESTREAM_API_HOST={settings.api_host} is no address of this machine: {error}"
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise PartFailedError(
            f"the API cannot listen on {settings.api_host}:{settings.api_port} "
            f"({error.strerror}): stop what is there, or set SCRAPESTREAM_API_PORT"
        ) from error
    listening.setblocking(False)
    return listening


async def serve(
    app: Starlette,
    settings: Settings,
    *,
    listening: socket.socket | None = None,
    stop: asyncio.Event | None = None,
    on_started: Callable[[int], None] | None = None,
) -> None:
    """Serve until ``stop`` is set; without one, until SIGTERM or SIGINT.

    Then no connection is accepted any more, streams end, requests under way have
    ``shutdown_s`` to finish. A failure of the work behind the API ends it too, as an
    exception group: let the process restart.

    Args:
        listening: from ``open_socket``; by default one is opened. It is closed at the end.
        on_started: called with the port as soon as requests are answered.

    Raises:
        PartFailedError: the address cannot be taken.
    """
    api = api_of(app)
    listening = listening or open_socket(settings)
    config = uvicorn.Config(
        app,
        http=JoiningProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_s)),
    )
    port = listening.getsockname()[1]

    def started() -> None:
        log.info("api listens", extra={"port": port})
        if on_started is not None:
            on_started(port)

    server = _Server(config, started=started, close_streams=api.streams.close)
    with _stopping(stop) as stopped:
        async with asyncio.TaskGroup() as group:
            behind = [
                group.create_task(api.parts.live.run(), name="live view"),
                group.create_task(api.parts.monitors.run(), name="monitors"),
                group.create_task(api.health.watch(), name="health"),
                group.create_task(api.queue.watch(), name="queue"),
                group.create_task(api.parts.dead_letters.watch(), name="dead letters"),
                group.create_task(_end(server, stopped), name="stop"),
            ]
            if api.parts.follow_fleet is not None:
                behind.append(group.create_task(api.parts.follow_fleet(), name="workers"))
            if api.parts.erasure_desk is not None:
                behind.append(group.create_task(api.parts.erasure_desk.run(), name="erasures"))
            try:
                await server.serve(sockets=[listening])
            finally:
                listening.close()
                for task in behind:
                    task.cancel()


class _Server(uvicorn.Server):
    """Uvicorn whose signals are ours, and whose streams end first at a shutdown.

    sse-starlette looks for uvicorn's signal handlers and polls them (docs/hazards.md, H22);
    without them it leaves the ending of streams to us.
    """

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], close_streams: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._started = started
        self._close_streams = close_streams

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._close_streams()
        await super().shutdown(sockets)


async def _end(server: uvicorn.Server, stopped: asyncio.Event) -> None:
    await stopped.wait()
    server.should_exit = True


@contextlib.contextmanager
def _stopping(given: asyncio.Event | None) -> Iterator[asyncio.Event]:
    """The event that ends the server: the caller's, or one that signals set."""
    if given is not None:
        yield given
        return
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
