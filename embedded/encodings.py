"""The content encodings that ClickHouse clients use: lz4, zstd, gzip, deflate."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lz4.frame  # type: ignore[import-untyped]  # has no stubs
from backports import zstd

GZIP_WINDOW = 16 + zlib.MAX_WBITS


class UnknownEncodingError(Exception):
    """A ``Content-Encoding`` that is not spoken here."""


@dataclass(slots=True)
class Encoder:
    """Encodes a body piece by piece."""

    compress: Callable[[bytes | memoryview], bytes]
    finish: Callable[[], bytes]


def encoder(encoding: str) -> Encoder:
    """An encoder of one body; ``encoding`` comes from `best_encoding`."""
    match encoding:
        case "lz4":
            return _lz4_encoder()
        case "zstd":
            by_zstd = zstd.ZstdCompressor(level=1)
            return Encoder(by_zstd.compress, by_zstd.flush)
        case _:
            window = GZIP_WINDOW if encoding == "gzip" else zlib.MAX_WBITS
            by_zlib = zlib.compressobj(level=1, wbits=window)
            return Encoder(by_zlib.compress, by_zlib.flush)


def best_encoding(accepted: str) -> str | None:
    """The cheapest encoding that an ``Accept-Encoding`` header names; None: send it plain."""
    names = {name.partition(";")[0].strip().lower() for name in accepted.split(",")}
    return next((name for name in ("lz4", "zstd", "gzip", "deflate") if name in names), None)


class Decoder:
    """Decodes a body piece by piece; it may consist of several frames, one a block."""

    def __init__(self, encoding: str) -> None:
        makers: dict[str, Callable[[], Any]] = {
            "lz4": lz4.frame.LZ4FrameDecompressor,
            "zstd": zstd.ZstdDecompressor,
            "gzip": lambda: zlib.decompressobj(wbits=GZIP_WINDOW),
            "deflate": zlib.decompressobj,
        }
        if encoding not in makers:
            raise UnknownEncodingError(f"Content-Encoding {encoding!r} is not supported")
        self._make = makers[encoding]
        self._frame = self._make()

    def decode(self, piece: bytes) -> bytes:
        """What ``piece`` adds to the body."""
        plain = bytearray()
        while piece:
            if self._frame.eof:
                self._frame = self._make()
            plain += self._frame.decompress(piece)
            piece = (self._frame.unused_data or b"") if self._frame.eof else b""
        return bytes(plain)


def _lz4_encoder() -> Encoder:
    frame = lz4.frame.LZ4FrameCompressor()
    begun = False

    def compress(piece: bytes | memoryview) -> bytes:
        nonlocal begun
        head = b"" if begun else frame.begin()
        begun = True
        return bytes(head) + bytes(frame.compress(piece))

    def finish() -> bytes:
        return (b"" if begun else bytes(frame.begin())) + bytes(frame.flush())

    return Encoder(compress, finish)
