"""The keys of encrypted reviews, in ClickHouse: there a row can really be deleted, and is.

A compacted topic keeps a key at least until its segment is closed and cleaned, and nobody can say
when; see docs/decisions/0016-erasure.md. A key stands there encrypted with ``personal_key``.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.errors import InvalidSettingError, LogUnavailableError, StoreUnavailableError
from streams.projections import personal_keys
from streams.sealed_fields import DataKey, new_key
from streams.sealing import Sealer
from streams.settings import Settings

K = TypeVar("K")
T = TypeVar("T")

KEYS_AT_HAND = 20_000
"""One batch of records may need more: then so many are kept."""
ASKED_AT_ONCE = 2_000
KEY_ID = re.compile(r"[0-9a-f]{32}")
TABLE = personal_keys.projection.table

# The table's name is ours; ids are checked to be hexadecimal, and too many for parameters.
# ruff: noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """What has a key of its own: what an author wrote in a job."""

    job_id: str
    author: str = ""
    """The author's fingerprint; empty: the review names none."""


class PersonalKeys:
    """Makes, finds and keeps at hand keys. Connects when the first one is wanted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._connecting = asyncio.Lock()
        self._clickhouse: ClickHouse | None = None
        self._keys: OrderedDict[str, DataKey | None] = OrderedDict()
        """By key id; None: it was destroyed."""
        self._made: OrderedDict[Whose, DataKey] = OrderedDict()
        """Those that this process made, for what comes next."""

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

    async def for_new(self, wanted: Sequence[Whose]) -> Sequence[DataKey]:
        """Keys for new reviews, in their order; in the store before this returns.

        Raises:
            LogUnavailableError: they could not be stored; ask again.
        """
        found = {whose: self._made[whose] for whose in wanted if whose in self._made}
        fresh = {whose: new_key() for whose in dict.fromkeys(wanted) if whose not in found}
        if fresh:
            now = datetime.now(UTC)
            rows = [
                (key.key_id, whose.job_id, self._wrapped(key), now, whose.author)
                for whose, key in fresh.items()
            ]
            try:
                await (await self._store()).insert(personal_keys.projection, rows, rows[0][0])
            except StoreUnavailableError as error:
                raise LogUnavailableError(f"keys could not be stored: {error}") from error
        for whose, key in fresh.items():
            _keep(self._made, whose, key)
            _keep(self._keys, key.key_id, key)
        found |= fresh
        return [found[whose] for whose in wanted]

    async def learn(self, key_ids: Iterable[str]) -> None:
        """Fetch keys that are not at hand.

        Raises:
            LogUnavailableError: the store does not answer; ask again.
            InvalidSettingError: they are encrypted with another ``personal_key``, or none is set.
        """
        wanted = set(key_ids)
        unknown = sorted(each for each in wanted if each not in self._keys)
        for key_id in wanted.difference(unknown):
            self._keys.move_to_end(key_id)  # what this batch needs is the last to go
        asked = [each for each in unknown if KEY_ID.fullmatch(each)]
        found: dict[str, DataKey] = {}
        try:
            for first in range(0, len(asked), ASKED_AT_ONCE):
                listed = ", ".join(f"'{each}'" for each in asked[first : first + ASKED_AT_ONCE])
                rows = await (await self._store()).rows(
                    f"SELECT key_id, wrapped FROM {TABLE} WHERE key_id IN ({listed})"
                )
                found |= {key_id: self._unwrapped(key_id, wrapped) for key_id, wrapped in rows}
        except StoreUnavailableError as error:
            raise LogUnavailableError(f"keys cannot be read: {error}") from error
        for key_id in unknown:
            # It was stored before any record that names it: one that is not there is destroyed.
            _keep(self._keys, key_id, found.get(key_id), most=max(KEYS_AT_HAND, len(wanted)))

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

    def _wrapped(self, key: DataKey) -> str:
        return self._sealer().seal(base64.b64encode(key.secret).decode())

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


def _keep(kept: OrderedDict[K, T], name: K, value: T, *, most: int = KEYS_AT_HAND) -> None:
    kept[name] = value
    while len(kept) > most:
        kept.popitem(last=False)
