"""Gathers what is to be written while a write is under way, and writes all of it at once then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batches(Generic[T]):
    """One write at a time: what comes alone goes at once, what comes in floods goes together."""

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[None]],
        spawn: Callable[[Awaitable[None]], None],
        *,
        most: int,
    ) -> None:
        """``spawn`` runs a write beside everything else; one gets ``most`` at most, in order."""
        self._write = write
        self._spawn = spawn
        self._most = most
        self._waiting: list[T] = []
        self._is_writing = False

    def put(self, one: T) -> None:
        """Write it as soon as what is being written now is done."""
        self._waiting.append(one)
        if not self._is_writing:
            self._is_writing = True
            self._spawn(self._write_next())

    async def _write_next(self) -> None:
        """Also after a write that has failed: whoever wrote it knows what to do about it."""
        share, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            await self._write(share)
        finally:
            self._is_writing = bool(self._waiting)
            if self._is_writing:
                self._spawn(self._write_next())
