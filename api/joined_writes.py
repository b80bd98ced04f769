"""Uvicorn's HTTP protocol, with headers and body of an answer in one write.

Uvicorn writes them one after the other, and uvloop sends each at once: two system calls and two
packets for each answer, which cost more than anything else of a small one.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HELD_BYTES = 16 * 1024


class JoinedWrites:
    """A transport that sends what is written in one turn of the loop together."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._call_soon = asyncio.get_running_loop().call_soon
        # Looked up once: both are asked for with each request.
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, part: bytes) -> None:
        """Send ``part`` at the end of this turn, behind what was written before.

        A large one goes at once, so that the transport can say that it has enough.
        """
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(part)
        self._held_bytes += len(part)
        if self._held_bytes > MOST_HELD_BYTES:
            self._flush()

    def close(self) -> None:
        """Close once everything is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            if not self.is_closing():  # else the client has gone meanwhile
                self._transport.write(b"".join(self._parts))
            self._parts.clear()
            self._held_bytes = 0

    def __getattr__(self, name: str) -> Any:
        # All that does not write is the transport's own affair.
        return getattr(self._transport, name)


class JoiningProtocol(HttpToolsProtocol):
    """Uvicorn's protocol over a transport that joins writes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport)))
