"""The server's side of SOCKS5 without login, as far as a browser uses it (RFC 1928)."""

from __future__ import annotations

import asyncio
import ipaddress
from enum import IntEnum

VERSION = 5
NO_LOGIN = 0
NO_METHOD = 0xFF
CONNECT = 1


class Reply(IntEnum):
    """What the browser is told."""

    CONNECTED = 0
    FAILED = 1
    NOT_ALLOWED = 2
    HOST_UNREACHABLE = 4
    REFUSED = 5
    UNKNOWN_COMMAND = 7


class _AddressType(IntEnum):
    IPV4 = 1
    NAME = 3
    IPV6 = 4


class Socks5Error(Exception):
    """The other side does not speak SOCKS5, or asks for what we do not do."""


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[str, int]:
    """Host (a name in lower case, or an address) and port that the browser wants.

    Raises:
        Socks5Error: it was answered if that makes sense; close the connection.
        asyncio.IncompleteReadError: it hung up.
    """
    version, methods_count = await reader.readexactly(2)
    methods = await reader.readexactly(methods_count)
    if version != VERSION or NO_LOGIN not in methods:
        writer.write(bytes((VERSION, NO_METHOD)))
        raise Socks5Error("no SOCKS5 without login")
    writer.write(bytes((VERSION, NO_LOGIN)))
    version, command, _, address_type = await reader.readexactly(4)
    if version != VERSION or command != CONNECT:
        write_reply(writer, Reply.UNKNOWN_COMMAND)
        raise Socks5Error("only CONNECT is served")
    host = await _read_host(reader, address_type)
    return host, int.from_bytes(await reader.readexactly(2), "big")


def write_reply(writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Answer; after ``CONNECTED`` the bytes of the site follow."""
    # The bound address is of no use to a browser: zero.
    writer.write(bytes((VERSION, reply, 0, _AddressType.IPV4, 0, 0, 0, 0, 0, 0)))


async def _read_host(reader: asyncio.StreamReader, address_type: int) -> str:
    match address_type:
        case _AddressType.IPV4:
            return str(ipaddress.IPv4Address(await reader.readexactly(4)))
        case _AddressType.IPV6:
            return str(ipaddress.IPv6Address(await reader.readexactly(16)))
        case _AddressType.NAME:
            name = await reader.readexactly((await reader.readexactly(1))[0])
            try:
                return name.decode("ascii").lower().removesuffix(".")
            except UnicodeDecodeError:
                raise Socks5Error("the name is not ASCII") from None
        case _:
            raise Socks5Error("unknown kind of address")
