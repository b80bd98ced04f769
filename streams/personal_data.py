"""Where the store holds what a person wrote or is known by: one line a table.

A new table of that kind is added to ``PERSONAL_TABLES``. The proof of an erasure does not depend
on it: that searches every table of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from streams.adapters.clickhouse_store import recorded_in
from streams.domain.erasure import ERASED, Erasures, emptied_body
from streams.domain.ids import JobId
from streams.erasure_search import ITEM_AUTHOR
from streams.projections import (
    items,
    job_events,
    jobs,
    personal_keys,
    place_events,
    place_reviews,
    places,
    webhook_events,
)
from streams.projections.projection import Projection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRows:
    """Rows that are emptied or deleted by one statement."""

    table: str
    author: str = ""
    """Expression for the author's id; empty: the table knows none."""
    fingerprint: str = ""
    """Column with the author's fingerprint, where the table has that instead."""
    emptied: str = ""
    """What an UPDATE sets; empty: the rows are deleted."""
    kept: str = ""
    """Condition of rows that are not emptied yet; empty: all are."""
    has_job: bool = True
    """Whether it has a column ``job_id``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRecords:
    """Rows of jobs that keep their skeleton: written anew without the rest."""

    projection: Projection
    column: str
    """The column that holds the record as JSON."""
    left: Callable[[Erasures, Row], Row]
    """What is left of a row; the row itself when it has nothing to lose."""

    @property
    def table(self) -> str:
        """The table's name."""
        return self.projection.table


class PersonalFiles(Protocol):
    """Files outside of the store."""

    name: str
    """What an erasure's table calls them."""

    async def forget(self, job_ids: Sequence[str]) -> int:
        """Delete what belongs to these jobs; how many files that were."""

    async def renew(self, job_ids: Sequence[str]) -> int:
        """Write the files of these jobs anew, from what the store still has; how many."""

    async def count(
        self, gone: Sequence[str], renewed: Sequence[str], needles: Sequence[str]
    ) -> int:
        """How many files ``gone`` jobs still have, or the others with one of these texts."""


def _left_of_event(erasures: Erasures, row: Row) -> Row:
    return job_events.projection.row(erasures.event(recorded_in(row)))


def _left_of_job(erasures: Erasures, row: Row) -> Row:
    names = [name for name, _ in jobs.projection.columns]
    return jobs.projection.row(erasures.job(jobs.job_in(row[names.index("state")])))


def _left_of_delivery(erasures: Erasures, row: Row) -> Row:
    named = dict(zip((name for name, _ in webhook_events.projection.columns), row, strict=True))
    payload: Mapping[str, Any] = msgspec.json.decode(named["payload"])
    if named["job_id"] not in erasures.jobs or "body" not in payload:
        return row
    payload = {**payload, "body": emptied_body(JobId(named["job_id"]))}
    named["payload"] = msgspec.json.encode(payload).decode()
    return tuple(named.values())


PERSONAL_TABLES: Sequence[PersonalRows | PersonalRecords] = (
    # First: without its key what the log holds of a review is noise, whatever happens next.
    PersonalRows(table=personal_keys.projection.table, fingerprint="author"),
    PersonalRows(
        table=items.projection.table,
        author=ITEM_AUTHOR,
        emptied=f"schema = '{ERASED}', position = 0, fields = '{{}}'",
        kept=items.projection.shown,
    ),
    PersonalRows(table=places.projection.table),
    PersonalRows(
        table=place_reviews.projection.table, author="JSONExtractString(review, 'author_id')"
    ),
    PersonalRows(
        table=place_events.projection.table,
        author="JSONExtractString(payload, 'review', 'author_id')",
        emptied="payload = '{}'",
        kept=place_events.projection.shown,
    ),
    PersonalRecords(projection=jobs.projection, column="state", left=_left_of_job),
    PersonalRecords(projection=job_events.projection, column="payload", left=_left_of_event),
    PersonalRecords(projection=webhook_events.projection, column="payload", left=_left_of_delivery),
)
