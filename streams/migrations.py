"""The steps that bring a store to what this release needs, in their order.

Two kinds. A *definition* says how something must be (tables, views, how long rows are kept): it
may be run again, and is, whenever its text changes. A *change* is run once in the life of a store,
and its text never changes again. Numbers are for ever, and only grow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.errors import ChangedMigrationError, NewerStoreError
from streams.projections import (
    items,
    job_events,
    log_positions,
    personal_keys,
    webhook_events,
)
from streams.projections.analytics import all_views
from streams.projections.catalogue import all_projections

SOURCES = {
    "job-events": job_events.projection.table,
    "scraped-items": items.projection.table,
    "webhook-events": webhook_events.projection.table,
}
"""The table that has every record of a topic; rows of these are as old as ``occurred_at``."""

# Names of tables and columns are ours.
# ruff: noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step."""

    number: int
    name: str
    statements: Sequence[str]
    """Each safe to repeat: a crash may come between any two."""
    may_change: bool
    """Whether it is a definition."""
    version: str = ""
    """Stands for the statements where these depend on how the store is."""

    @property
    def checksum(self) -> str:
        """Another one for another text; spaces and line ends do not count."""
        said = [self.version] if self.version else self.statements
        text = "\n".join(" ".join(part.split()) for part in said)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A step that a store has behind it."""

    number: int
    name: str
    checksum: str


def all_migrations(*, retention_days: int = 0, expiring: Sequence[str] = ()) -> Sequence[Migration]:
    """Every step. ``expiring``: tables whose rows have an end now."""
    return (
        Migration(
            number=1,
            name="tables",
            # Beside each projection, see `Projection.ddl`: missing tables and columns are added.
            statements=[
                statement
                for projection in (
                    *all_projections(),
                    log_positions.projection,
                    personal_keys.projection,
                )
                for statement in projection.ddl()
            ],
            may_change=True,
        ),
        Migration(
            number=2,
            name="views",
            statements=[view.ddl() for view in all_views()],
            may_change=True,
        ),
        Migration(
            number=3,
            name="retention",
            statements=_retention(retention_days, expiring),
            may_change=True,
            version=f"{retention_days} days",
        ),
        Migration(
            number=4,
            name="positions of what is stored",
            statements=[
                f"INSERT INTO {log_positions.projection.table} "
                f"SELECT '{topic}', '', partition, max(offset) + 1, now64(6, 'UTC') "
                f"FROM {table} GROUP BY partition"
                for topic, table in SOURCES.items()
            ],
            may_change=False,
        ),
    )


def pending(migrations: Sequence[Migration], applied: Sequence[Applied]) -> Sequence[Migration]:
    """What is to be run, in order.

    Raises:
        NewerStoreError: the store has steps that this release does not know.
        ChangedMigrationError: a change has another text than when it was run.
    """
    known = {migration.number: migration for migration in migrations}
    done: Mapping[int, Applied] = {step.number: step for step in applied}
    for step in applied:
        if step.number not in known:
            raise NewerStoreError(step.number, step.name, max(known))
    found = []
    for number in sorted(known):
        migration, before = known[number], done.get(number)
        if before is None:
            found.append(migration)
        elif before.checksum != migration.checksum:
            if not migration.may_change:
                raise ChangedMigrationError(number, migration.name)
            found.append(migration)
    return found


def _retention(days: int, expiring: Sequence[str]) -> Sequence[str]:
    if days:
        return [
            f"ALTER TABLE {table} MODIFY TTL toDateTime(occurred_at) + INTERVAL {days:d} DAY"
            for table in SOURCES.values()
        ]
    return [f"ALTER TABLE {table} REMOVE TTL" for table in SOURCES.values() if table in expiring]
