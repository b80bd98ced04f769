"""Where parts meet: each role gets what it needs, made from the settings alone."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from schemas.codec import open_codec
from schemas.errors import RegistryError, UnknownSchemaError
from schemas.registry import HttpRegistry
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.event_log import RecordEventLog
from streams.adapters.kafka_admin import KafkaAdmin, open_admin
from streams.adapters.kafka_reader import KafkaReader, open_reader
from streams.adapters.kafka_writer import open_writer
from streams.adapters.records import Records
from streams.domain.limits import NO_LIMIT, Limits, Quota, quota_in
from streams.erasure_book import ErasureBook
from streams.errors import InvalidSettingError, RegistryUnavailableError
from streams.personal_keys import PersonalKeys, open_keys
from streams.ports import EventLog, TopicPartition
from streams.settings import PREFIX, Settings
from streams.topics import topic_schemas

API_ACK_S = 5.0  # a client waits for it; the others may wait longer


@dataclass(frozen=True, slots=True, kw_only=True)
class LogParts:
    """Reading and writing the log."""

    records: Records
    event_log: EventLog
    erasures: ErasureBook
    """What must be forgotten: ``records`` leaves it out, as it is in the log now."""
    keys: PersonalKeys
    """The keys of encrypted items."""


@asynccontextmanager
async def open_log(
    settings: Settings, role: str, *, ack_timeout_s: float = 20.0
) -> AsyncIterator[LogParts]:
    """Connect to broker and registry.

    Raises:
        LogUnavailableError: the broker does not answer.
        RegistryUnavailableError: the registry does not answer.
        InvalidSettingError: our schemas are not registered there.
    """
    async with HttpRegistry(settings.registry_url) as registry:
        try:
            codec = await open_codec(registry, topic_schemas())
        except UnknownSchemaError as error:
            raise InvalidSettingError(f"{error}: run `scrapestream topics` first") from error
        except RegistryError as error:
            raise RegistryUnavailableError(str(error)) from error
        records = Records(codec, f"/scrapestream/{role}")
        async with (
            open_writer(settings, role, timeout_s=ack_timeout_s) as writer,
            open_reader(settings, f"{role}-erasures", wait_ms=50) as reader,
            open_keys(settings) as keys,
        ):
            book = ErasureBook(reader, records)
            records.keys = keys
            try:
                await book.catch_up()  # before anything is read that may have to be left out
            except RegistryError as error:
                raise RegistryUnavailableError(str(error)) from error
            following = asyncio.create_task(book.follow())
            try:
                sealing = keys if settings.encrypt_personal else None
                yield LogParts(
                    records=records,
                    event_log=RecordEventLog(writer, records, sealing),
                    erasures=book,
                    keys=keys,
                )
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


class BrokerView:
    """Ends of topics and offsets of groups, for an orchestrator's sweep."""

    def __init__(self, reader: KafkaReader, admin: KafkaAdmin) -> None:
        self._reader = reader
        self._admin = admin

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition."""
        return await self._reader.ends(topic)

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """The offsets that ``group`` has committed."""
        return await self._admin.committed(group)


@asynccontextmanager
async def open_broker_view(settings: Settings, role: str) -> AsyncIterator[BrokerView]:
    """Connections of their own, so that a slow answer delays nothing else."""
    async with open_reader(settings, f"{role}-ends") as reader, open_admin(settings, role) as admin:
        yield BrokerView(reader, admin)


def limits_of(settings: Settings) -> Limits:
    """How many jobs of one name may be at work, and the tenants' shares.

    Raises:
        InvalidSettingError: one of these settings cannot be read.
    """

    def quota(name: str, default: float = NO_LIMIT) -> Quota:
        try:
            return quota_in(getattr(settings, name), default)
        except ValueError as error:
            raise InvalidSettingError(f"{PREFIX}{name.upper()}: {error}") from None

    return Limits(
        per_tenant=quota("limit_per_tenant"),
        per_kind=quota("limit_per_kind"),
        per_site=quota("limit_per_site"),
        tenant_weights=quota("tenant_weights", 1.0),
    )


@asynccontextmanager
async def open_store_late(
    settings: Settings,
) -> AsyncIterator[Callable[[], Awaitable[ClickHouseStore]]]:
    """The store, opened when it is first asked for: for roles that start without ClickHouse."""
    opening, opened = asyncio.Lock(), list[ClickHouseStore]()
    async with AsyncExitStack() as stack:

        async def store() -> ClickHouseStore:
            async with opening:
                if not opened:
                    clickhouse = await stack.enter_async_context(open_clickhouse(settings))
                    opened.append(ClickHouseStore(clickhouse))
            return opened[0]

        yield store


class Readiness:
    """What a role tells its supervisor, and its metrics."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.registry = CollectorRegistry()

    def is_ready(self) -> bool:
        """Whether the role does its work."""
        return self.event.is_set()


def worker_name(settings: Settings) -> str:
    """The worker's id: set, or unique to this process."""
    return settings.worker_id or f"{socket.gethostname()}-{os.getpid()}"
