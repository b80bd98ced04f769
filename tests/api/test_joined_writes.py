"""What is written in one turn of the loop goes out together."""

from __future__ import annotations

import asyncio

import pytest

from api.joined_writes import MOST_HELD_BYTES, JoinedWrites
from tests.api.world import WAIT_S, World


class Written(asyncio.Transport):
    """A transport that remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed, "nobody may write to a closed transport"
        self.parts.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


async def test_headers_and_body_are_one_write() -> None:
    transport = Written()
    joined = JoinedWrites(transport)
    joined.write(b"head ")
    joined.write(b"body")
    assert transport.parts == []
    await asyncio.sleep(0)
    assert transport.parts == [b"head body"]
    joined.write(b"more")  # of a stream
    await asyncio.sleep(0)
    assert transport.parts == [b"head body", b"more"]


async def test_what_is_written_before_the_end_still_goes_out() -> None:
    transport = Written()
    joined = JoinedWrites(transport)
    joined.write(b"last")
    joined.close()
    assert transport.parts == [b"last"]
    await asyncio.sleep(0)
    assert transport.parts == [b"last"]
    assert joined.is_closing()


async def test_much_goes_at_once_so_that_the_transport_can_say_stop() -> None:
    transport = Written()
    joined = JoinedWrites(transport)
    joined.write(b"x" * (MOST_HELD_BYTES + 1))
    assert len(transport.parts) == 1


async def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    transport = Written()
    joined = JoinedWrites(transport)
    joined.write(b"late")
    transport.is_closed = True
    await asyncio.sleep(0)
    assert transport.parts == []


@pytest.mark.parametrize("count", [1, 3])
async def test_requests_sent_together_are_all_answered_in_turn(world: World, count: int) -> None:
    process = await world.serve()
    port = int(process.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        again = request + b"\r\n"
        writer.write(again * (count - 1) + request + b"Connection: close\r\n\r\n")
        async with asyncio.timeout(WAIT_S):
            answers = await reader.read()
        assert answers.count(b"HTTP/1.1 200 OK") == count
    finally:
        writer.close()
