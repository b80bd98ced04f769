"""How far the log goes: one question to the broker for all who ask meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from streams.errors import LogUnavailableError
from streams.ports import RecordReader


class LogEnds:
    """Asks a topic's ends. Many askers cost two questions at a time, not one each."""

    def __init__(self, reader: RecordReader, topic: str, timeout_s: float = 2.0) -> None:
        self._reader = reader
        self._topic = topic
        self._timeout_s = timeout_s
        self._asking = asyncio.Lock()
        self._next: asyncio.Task[Mapping[int, int]] | None = None

    async def ask(self) -> Mapping[int, int]:
        """The ends, asked from the broker after this call began.

        Raises:
            LogUnavailableError: the broker does not answer in time.
        """
        if self._next is None:
            # One that is under way began too early to count for us: we share the one after.
            self._next = asyncio.create_task(self._ask())
        return await asyncio.shield(self._next)

    async def _ask(self) -> Mapping[int, int]:
        async with self._asking:
            self._next = None
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._reader.ends(self._topic)
            except TimeoutError as error:
                raise LogUnavailableError("Kafka does not say how far its log goes") from error
