"""Runs migrations on ClickHouse, one process at a time, and notes what was run."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streams.adapters.clickhouse import ClickHouse
from streams.errors import StoreUnavailableError
from streams.migrations import Applied, Migration, all_migrations, pending
from streams.projections import log_positions
from streams.projections.catalogue import all_projections

log = logging.getLogger(__name__)

APPLIED = "migrations"
LOCK = "migrations_lock"
LOCK_S = 60
"""A lock that is older is of a process that died: steps are short."""
PAUSE_S = 0.2
TAKEN = "already exists"

# Names of tables are ours; every value goes as a parameter.
# ruff: noqa: S608


class Migrator:
    """Brings a store to what this release needs.

    Each method raises StoreUnavailableError when ClickHouse does not answer; call again.
    """

    def __init__(self, clickhouse: ClickHouse, retention_days: int) -> None:
        self._clickhouse = clickhouse
        self._retention_days = retention_days

    async def pending(self) -> Sequence[Migration]:
        """What ``apply`` would run.

        Raises:
            NewerStoreError, ChangedMigrationError: this release must not touch the store.
        """
        rows = await self._clickhouse.rows(
            "SELECT name, position(create_table_query, ' TTL ') FROM system.tables "
            "WHERE database = currentDatabase()"
        )
        tables = {str(name): bool(has_ttl) for name, has_ttl in rows}
        steps = all_migrations(
            retention_days=self._retention_days,
            expiring=[name for name, has_ttl in tables.items() if has_ttl],
        )
        applied = await self._applied() if APPLIED in tables else []
        return pending(steps, applied)

    async def apply(self) -> Sequence[Migration]:
        """Run what is to be run; what was run. Waits while another process does so.

        Raises:
            NewerStoreError, ChangedMigrationError: nothing was run.
        """
        if not await self.pending():
            return ()
        async with self._locked():
            await self._clickhouse.run(
                f"CREATE TABLE IF NOT EXISTS {APPLIED} (number UInt32, name String, "
                "checksum String, applied_at DateTime64(6, 'UTC')) "
                "ENGINE = ReplacingMergeTree(applied_at) ORDER BY number"
            )
            steps = await self.pending()  # again: another process may have been quicker
            for step in steps:
                for statement in step.statements:
                    await self._clickhouse.run(statement)
                await self._clickhouse.rows(
                    f"INSERT INTO {APPLIED} SELECT {{number:UInt32}}, {{name:String}}, "
                    "{checksum:String}, now64(6, 'UTC')",
                    {"number": step.number, "name": step.name, "checksum": step.checksum},
                )
                log.info("migrated", extra={"number": step.number, "migration": step.name})
        return steps

    async def set_aside(self, mark: str) -> Sequence[str]:
        """Rename every filled table and make empty ones in their place; the new names.

        For a log that begins anew. The materializer must not run meanwhile.
        """
        renamed = []
        async with self._locked():
            for projection in (*all_projections(), log_positions.projection):
                aside = f"{projection.table}_before_{mark}"
                await self._clickhouse.run(f"RENAME TABLE {projection.table} TO {aside}")
                for statement in projection.ddl():
                    await self._clickhouse.run(statement)
                renamed.append(aside)
        return renamed

    async def _applied(self) -> Sequence[Applied]:
        rows = await self._clickhouse.rows(
            f"SELECT number, name, checksum FROM {APPLIED} FINAL ORDER BY number"
        )
        return [
            Applied(number=int(number), name=str(name), checksum=str(checksum))
            for number, name, checksum in rows
        ]

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """A table that only one process can create is the lock; a dead one's is taken over."""
        owner = f"{socket.gethostname()} {os.getpid()}"
        while True:
            try:
                await self._clickhouse.run(
                    f"CREATE TABLE {LOCK} (x UInt8) ENGINE = Memory COMMENT '{owner}'"
                )
                break
            except StoreUnavailableError as error:
                if TAKEN not in str(error):
                    raise
            await self._wait_or_break()
        try:
            yield
        finally:
            await self._clickhouse.run(f"DROP TABLE IF EXISTS {LOCK} SYNC")

    async def _wait_or_break(self) -> None:
        rows = await self._clickhouse.rows(
            "SELECT comment, dateDiff('second', metadata_modification_time, now()) "
            "FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
            {"name": LOCK},
        )
        if rows and int(rows[0][1]) > LOCK_S:
            log.warning("a migration was left in the middle", extra={"owner": rows[0][0]})
            await self._clickhouse.run(f"DROP TABLE IF EXISTS {LOCK} SYNC")
            return
        await asyncio.sleep(PAUSE_S)
