"""The keys of encrypted reviews, in ClickHouse: there a row can really be deleted, and is.

A compacted topic keeps a key at least until its segment is closed and cleaned, and nobody can say
when; see docs/decisions/0016-erasure.md. A key stands there encrypted with ``personal_key``.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.errors import InvalidSettingError, LogUnavailableError, StoreUnavailableError
from streams.projections import personal_keys
from streams.sealed_fields import DataKey, new_key
from streams.sealing import Sealer
from streams.settings import Settings

T = TypeVar("T")

KEYS_AT_HAND = 20_000
KEY_ID = re.compile(r"[0-9a-f]{32}")
TABLE = personal_keys.projection.table

# The table's name is ours; every value goes as a parameter.
# ruff: noqa: S608


class PersonalKeys:
    """Makes, finds and keeps at hand the keys of jobs. Connects when the first one is wanted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._connecting = asyncio.Lock()
        self._clickhouse: ClickHouse | None = None
        self._keys: OrderedDict[str, DataKey | None] = OrderedDict()
        """By key id; None: it was destroyed."""
        self._of_jobs: OrderedDict[str, DataKey] = OrderedDict()

    @property
    def can_unwrap(self) -> bool:
        """Whether the key of the keys is set."""
        return bool(self._settings.personal_key)

    def check(self) -> None:
        """Raises InvalidSettingError when no key could be encrypted."""
        self._sealer()

    async def close(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def of_job(self, job_id: str) -> DataKey:
        """A key for new reviews of a job, in the store before this returns.

        Raises:
            LogUnavailableError: it could not be stored; ask again.
        """
        if job_id in self._of_jobs:
            return self._of_jobs[job_id]
        key = new_key()
        wrapped = self._sealer().seal(base64.b64encode(key.secret).decode())
        row = (key.key_id, job_id, wrapped, datetime.now(UTC))
        try:
            await (await self._store()).insert(personal_keys.projection, [row], key.key_id)
        except StoreUnavailableError as error:
            raise LogUnavailableError(f"a key could not be stored: {error}") from error
        _keep(self._of_jobs, job_id, key)
        _keep(self._keys, key.key_id, key)
        return key

    async def learn(self, key_ids: Iterable[str]) -> None:
        """Fetch keys that are not at hand.

        Raises:
            LogUnavailableError: the store does not answer; ask again.
            InvalidSettingError: they are encrypted with another ``personal_key``, or none is set.
        """
        unknown = sorted({each for each in key_ids if each not in self._keys})
        if not unknown:
            return
        try:
            rows = await (await self._store()).rows(
                f"SELECT key_id, wrapped FROM {TABLE} WHERE key_id IN {{keys:Array(String)}}",
                {"keys": unknown},
            )
        except StoreUnavailableError as error:
            raise LogUnavailableError(f"keys cannot be read: {error}") from error
        found = {key_id: self._unwrapped(key_id, wrapped) for key_id, wrapped in rows}
        for key_id in unknown:
            # It was stored before any record that names it: one that is not there is destroyed.
            _keep(self._keys, key_id, found.get(key_id))

    def find(self, key_id: str) -> DataKey | None:
        """A key that was learnt; None: it was destroyed."""
        return self._keys[key_id]

    async def fetch(self, key_id: str) -> DataKey | None:
        """A key as the store has it now, whatever is at hand. Raises as ``learn`` does."""
        if not KEY_ID.fullmatch(key_id):
            return None
        self._keys.pop(key_id, None)
        await self.learn([key_id])
        return self.find(key_id)

    def _unwrapped(self, key_id: str, wrapped: str) -> DataKey:
        return DataKey(key_id=key_id, secret=base64.b64decode(self._sealer().unseal(wrapped)))

    def _sealer(self) -> Sealer:
        if not self._settings.personal_key:
            raise InvalidSettingError(
                "reviews are encrypted: set SCRAPESTREAM_PERSONAL_KEY, the same for API, workers, "
                "materializer and tools"
            )
        return Sealer(self._settings.personal_key, name="PERSONAL_KEY", what="a personal key")

    async def _store(self) -> ClickHouse:
        async with self._connecting:
            if self._clickhouse is None:
                self._clickhouse = await self._stack.enter_async_context(
                    open_clickhouse(self._settings)
                )
            return self._clickhouse


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[PersonalKeys]:
    """Keys that disconnect at the end."""
    keys = PersonalKeys(settings)
    try:
        yield keys
    finally:
        await keys.close()


def _keep(kept: OrderedDict[str, T], name: str, value: T) -> None:
    kept[name] = value
    while len(kept) > KEYS_AT_HAND:
        kept.popitem(last=False)
