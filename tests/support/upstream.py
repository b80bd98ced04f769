"""Small servers on loopback: proxies that want a login, and a site that answers each line."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
USER, PASSWORD = "anna", "s3cret/pass"


@dataclass(slots=True)
class Upstream:
    """A running proxy and what it was asked for."""

    port: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Host and port of each tunnel, in order."""
    refused: int = 0
    """Connections without the right login."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


@contextmanager
def line_server() -> Iterator[int]:
    """A server that sends back each line; gives its port."""

    class Echo(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(line)

    with _running(Echo) as port:
        yield port


@contextmanager
def http_proxy() -> Iterator[Upstream]:
    """A proxy for CONNECT with basic authentication."""
    upstream = Upstream()
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Connect(socketserver.StreamRequestHandler):
        rbufsize = 0  # what follows the head belongs to the tunnel

        def handle(self) -> None:
            head = [self.rfile.readline().decode().strip()]
            while line := self.rfile.readline().decode().strip():
                head.append(line)
            if f"Proxy-Authorization: Basic {login}" not in head:
                upstream.refused += 1
                self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            host, _, port = head[0].split()[1].rpartition(":")
            upstream.asked.append((host.strip("[]"), int(port)))
            _tunnel(self.connection, host.strip("[]"), int(port), b"HTTP/1.1 200 OK\r\n\r\n")

    with _running(Connect) as upstream.port:
        yield upstream


@contextmanager
def socks5_proxy() -> Iterator[Upstream]:
    """A SOCKS5 proxy with user and password (RFC 1929)."""
    upstream = Upstream()

    class Socks5(socketserver.StreamRequestHandler):
        rbufsize = 0

        def handle(self) -> None:
            self._read(self._read(2)[1])
            self.wfile.write(b"\x05\x02")
            user = self._read(self._read(2)[1]).decode()
            password = self._read(self._read(1)[0]).decode()
            if (user, password) != (USER, PASSWORD):
                upstream.refused += 1
                self.wfile.write(b"\x01\x01")
                return
            self.wfile.write(b"\x01\x00")
            kind = self._read(4)[3]
            if kind == 3:
                host = self._read(self._read(1)[0]).decode()
            else:
                family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
                host = socket.inet_ntop(family, self._read(size))
            port = int.from_bytes(self._read(2), "big")
            upstream.asked.append((host, port))
            _tunnel(self.connection, host, port, b"\x05\x00\x00\x01" + bytes(6))

        def _read(self, size: int) -> bytes:
            data = b""
            while len(data) < size:
                more = self.rfile.read(size - len(data))
                if not more:
                    raise EOFError
                data += more
            return data

    with _running(Socks5) as upstream.port:
        yield upstream


@contextmanager
def _running(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with _Server((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _tunnel(client: socket.socket, host: str, port: int, ready: bytes) -> None:
    with socket.create_connection((host, port), timeout=10) as site:
        client.sendall(ready)
        back = threading.Thread(target=_copy, args=(site, client), daemon=True)
        back.start()
        _copy(client, site)
        back.join(10)


def _copy(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
