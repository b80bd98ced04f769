"""Set-up: topics, schemas and tables. Safe to repeat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from schemas.codec import register_schemas
from schemas.errors import RegistryError
from schemas.registry import HttpRegistry
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_migrations import Migrator
from streams.adapters.kafka_admin import open_admin
from streams.errors import RegistryUnavailableError, UnavailableError
from streams.settings import Settings
from streams.topics import topic_schemas

log = logging.getLogger(__name__)
T = TypeVar("T")

TRIES = 5
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What is there now."""

    topics: Mapping[str, bool]
    """Each topic, and whether it is new."""
    schemas: Mapping[str, int]
    """Each subject, and its schema's id."""


async def set_up(settings: Settings) -> SetUp:
    """Create what is missing of topics, schemas and tables.

    Raises:
        UnavailableError: a part does not answer; its text says which.
    """
    topics = await _patiently(lambda: _create_topics(settings))
    schemas = await _patiently(lambda: _register(settings))
    await _patiently(lambda: _create_tables(settings))
    return SetUp(topics=topics, schemas=schemas)


async def _create_topics(settings: Settings) -> Mapping[str, bool]:
    async with open_admin(settings, "topics") as admin:
        return await admin.create_topics()


async def _register(settings: Settings) -> Mapping[str, int]:
    async with HttpRegistry(settings.registry_url) as registry:
        try:
            return await register_schemas(registry, topic_schemas())
        except RegistryError as error:
            raise RegistryUnavailableError(str(error)) from error


async def _create_tables(settings: Settings) -> None:
    async with open_clickhouse(settings) as clickhouse:
        await Migrator(clickhouse, settings.store_retention_days).apply()


async def _patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Parts that have just started may refuse the first call."""
    for _ in range(TRIES - 1):
        try:
            return await step()
        except UnavailableError as error:
            log.warning("not yet", extra={"reason": str(error)})
            await asyncio.sleep(PAUSE_S)
    return await step()
