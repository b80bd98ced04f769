"""The only way out for a browser: a proxy on loopback that refuses what is not public.

One port a route: straight to the site, or through a proxy whose credentials the browser never
gets. Chromium speaks SOCKS5 to it and resolves no name itself, so the address that is checked
is the address that is used.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

import aiohappyeyeballs
import python_socks
from python_socks.async_.asyncio import Proxy

from scrapers.access_metrics import AccessMetrics
from scrapers.egress_guard import EgressGuard
from scrapers.proxies import DEFAULT, UpstreamProxy, routes_of
from scrapers.socks5 import Reply, Socks5Error, read_request, write_reply
from streams.errors import PartFailedError, ProxyUnknownError
from streams.settings import Settings

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
HANDSHAKE_S = 10.0
CONNECT_S = 20.0
"""Below the browser's own time for a page: its error comes first."""
NEXT_ADDRESS_S = 0.25
"""Head start of one address of a name before the next (RFC 8305)."""
START_S = 10.0
MOST_TOLD = 100
"""Refused places that are logged for one browser, each once: a page could ask without end."""
CHUNK_BYTES = 256 * 1024


class NotAllowedError(OSError):
    """The address is not public."""


class Egress:
    """Serves one browser from a thread of its own, so that no work of the worker delays it."""

    def __init__(self, settings: Settings, metrics: AccessMetrics | None = None) -> None:
        """Raises InvalidSettingError: a proxy or a network of the settings cannot be used."""
        self._routes = routes_of(settings)
        self._guard = EgressGuard(settings)
        self._proxy_dns = settings.proxy_dns
        self._metrics = metrics or AccessMetrics()
        self._ports: dict[str, int] = {}
        self._told: set[tuple[str, int]] = set()
        """What was refused and is in the log."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="egress", daemon=True)

    def start(self) -> None:
        """Listen on all routes. Raises PartFailedError: there is no port."""
        self._thread.start()
        if not self._started.wait(START_S) or len(self._ports) < len(self._routes):
            self.close()
            raise PartFailedError("the browser's way out could not listen on loopback")

    def close(self) -> None:
        """Drop all connections; returns when the thread has ended. Twice is once."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_S)

    def address(self, route: str = DEFAULT) -> str:
        """What the browser is told as its proxy server.

        Raises:
            ProxyUnknownError: there is no proxy of this name here.
        """
        if route not in self._ports:
            raise ProxyUnknownError(route)
        return f"socks5://{HOST}:{self._ports[route]}"

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        servers = []
        try:
            for name, proxy in self._routes.items():
                server = await asyncio.start_server(
                    self._accepting(proxy), HOST, 0, limit=CHUNK_BYTES
                )
                servers.append(server)
                self._ports[name] = server.sockets[0].getsockname()[1]
        except OSError as error:
            log.warning("egress did not start", extra={"reason": str(error)})
            return
        finally:
            self._started.set()
        await self._stopping.wait()
        for server in servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepting(
        self, proxy: UpstreamProxy | None
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve_one(proxy, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _serve_one(
        self,
        proxy: UpstreamProxy | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                host, port = await read_request(reader, writer)
            site = await self._reach(proxy, host, port, writer)
            if site is not None:
                site_reader, site_writer = await asyncio.open_connection(
                    sock=site, limit=CHUNK_BYTES
                )
                write_reply(writer, Reply.CONNECTED)
                try:
                    await _first_done(
                        self._pump(reader, site_writer, "sent"),
                        self._pump(site_reader, writer, "received"),
                    )
                finally:
                    site_writer.close()
        except (OSError, EOFError, Socks5Error, TimeoutError):
            pass  # one side hung up: the other learns it by the end of its connection
        finally:
            writer.close()

    async def _reach(
        self, proxy: UpstreamProxy | None, host: str, port: int, writer: asyncio.StreamWriter
    ) -> socket.socket | None:
        """A connection to the site, or None after the browser was told why there is none."""
        try:
            async with asyncio.timeout(CONNECT_S):
                return await self._connect(proxy, host, port)
        except NotAllowedError:
            self._metrics.egress_refused.inc()
            if len(self._told) < MOST_TOLD and (host, port) not in self._told:
                self._told.add((host, port))
                log.warning("egress refused", extra={"host": host, "port": port})
            write_reply(writer, Reply.NOT_ALLOWED)
        except (socket.gaierror, UnicodeError):  # no such name, or none that could be one
            write_reply(writer, Reply.HOST_UNREACHABLE)
        except (OSError, TimeoutError, python_socks.ProxyError) as error:
            # By its type alone: the text of a proxy's error is the proxy's.
            extra = {"host": host, "port": port, "reason": type(error).__name__}
            log.info("egress did not connect", extra=extra)
            write_reply(writer, Reply.REFUSED)
        return None

    async def _connect(self, proxy: UpstreamProxy | None, host: str, port: int) -> socket.socket:
        if proxy is not None and self._proxy_dns and not _is_address(host):
            if host == "localhost" or host.endswith(".localhost"):
                raise NotAllowedError
            return await _through(proxy, host, port)
        loop = asyncio.get_running_loop()
        answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        allowed = self._guard.allowed(host, port, answers)
        if not allowed:
            raise NotAllowedError
        if proxy is None:
            return await aiohappyeyeballs.start_connection(
                allowed, happy_eyeballs_delay=NEXT_ADDRESS_S
            )
        # The address that was checked, not the name: it may resolve otherwise over there.
        first = min(allowed, key=lambda answer: answer[0] == socket.AF_INET6)
        return await _through(proxy, str(first[4][0]), port)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        count = self._metrics.egress_bytes.labels(direction).inc
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            count(len(data))
            await writer.drain()


async def _through(proxy: UpstreamProxy, host: str, port: int) -> socket.socket:
    kind = python_socks.ProxyType.HTTP if proxy.scheme == "http" else python_socks.ProxyType.SOCKS5
    client = Proxy(kind, proxy.host, proxy.port, proxy.user, proxy.password, rdns=True)
    return await client.connect(host, port, timeout=CONNECT_S)


async def _first_done(*pumps: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends: an HTTP connection with one closed side has nothing more to say."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
