"""Carries an erasure out: the event first, then the store and the files, then the proof.

From the event on nobody shows or stores again what it names. Whatever was stored before, or was
under way then, is emptied here; so the order is: append, wait until the materializer has stored
what was in the log by then, empty, search.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.erasure import (
    ErasureCompleted,
    ErasureRequested,
    Erasures,
    Subject,
    job_ids_in,
)
from streams.domain.ids import new_job_id
from streams.erasure_book import ErasureBook
from streams.erasure_search import (
    HEX,
    author_in,
    author_is,
    fingerprint_of,
    found_in_tables,
    jobs_with_gaps,
    needles_of_author,
    needles_of_jobs,
)
from streams.personal_data import PERSONAL_TABLES, PersonalFiles, PersonalRecords, PersonalRows
from streams.ports import EventLog
from streams.projections.projection import Row
from streams.stored_up_to import LogEnds, until_stored

JOBS_AN_EVENT = 5_000
JOBS_AT_ONCE = 500
AT_ONCE = "SETTINGS mutations_sync = 2"

# Names of tables and columns are ours; ids are checked to be hexadecimal.
# ruff: noqa: S608


@dataclass(slots=True, kw_only=True)
class Erased:
    """What an erasure did."""

    erasure_id: str
    jobs: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    """Rows and files that were emptied or deleted, by table."""
    remaining: Counter[str] = field(default_factory=Counter)
    """Those that the search still found afterwards."""
    needles: int = 0
    """Texts that were looked for."""

    @property
    def is_proved(self) -> bool:
        """Whether nothing was found any more."""
        return not self.remaining.total()


class Eraser:
    """Forgets. Safe to repeat at any point, and while everything else goes on."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        log_ends: LogEnds,
        event_log: EventLog,
        book: ErasureBook,
        *,
        group: str,
        files: Sequence[PersonalFiles] = (),
    ) -> None:
        """``group``: the materializer's."""
        self._clickhouse = clickhouse
        self._store = ClickHouseStore(clickhouse)
        self._ends = log_ends
        self._log = event_log
        self._book = book
        self._group = group
        self._files = files

    async def request(self, subject: Subject, text: str, job_ids: Sequence[str]) -> str:
        """Append the erasure; its id. ``job_ids``: those of ``erasure_plan``."""
        erasure_id = new_job_id()
        shares = [
            tuple(job_ids[first : first + JOBS_AN_EVENT])
            for first in range(0, len(job_ids), JOBS_AN_EVENT)
        ] or [()]
        now = datetime.now(UTC)
        await self._log.put(
            [
                self._book.record(
                    ErasureRequested(
                        erasure_id=erasure_id,
                        subject=subject,
                        subject_hash=fingerprint_of(subject, text),
                        job_ids=share,
                    ),
                    now,
                )
                for share in shares
            ]
        )
        await self._book.catch_up()
        return erasure_id

    async def carry_out(self, erasure_id: str, subject_text: str = "") -> Erased:
        """Empty store and files of it, search, and append what came of it.

        ``subject_text``: what the operator named; without it only what the store still has of
        it can be searched for.

        Raises:
            StoreUnavailableError: the materializer does not store; carry it out later.
        """
        requests = self._book.erasures.requested[erasure_id]
        job_ids = job_ids_in(requests)
        authors = [each.subject_hash for each in requests if each.subject is Subject.AUTHOR]
        await until_stored(self._store, self._ends, self._group)
        needles = await self._needles(requests, job_ids, subject_text)
        erased = Erased(erasure_id=erasure_id, jobs=len(job_ids), needles=len(needles))
        for table in PERSONAL_TABLES:
            match table:
                case PersonalRecords():
                    erased.removed[table.table] += await self._rewrite(table, job_ids)
                case PersonalRows():
                    erased.removed[table.table] += await self._empty(table, job_ids, authors)
        touched = await jobs_with_gaps(self._clickhouse, job_ids) if authors else []
        for files in self._files:
            erased.removed[files.name] += await files.forget(job_ids)
            erased.removed[files.name] += await files.renew(touched)
        of_one_job = all(each.subject is Subject.JOB for each in requests)
        erased.remaining.update(
            await found_in_tables(self._clickhouse, needles, job_ids, only_with_job=of_one_job)
        )
        for table in PERSONAL_TABLES:
            erased.remaining[table.table] += await self._left_in(
                table, job_ids, authors, self._book.erasures
            )
        for files in self._files:
            erased.remaining[files.name] += await files.count(job_ids, touched, needles)
        completed = ErasureCompleted(
            erasure_id=erasure_id, removed=dict(erased.removed), remaining=dict(erased.remaining)
        )
        if erased.is_proved:
            await self._log.put([self._book.record(completed, datetime.now(UTC))])
            await self._book.catch_up()
        return erased

    def open_ids(self) -> Sequence[str]:
        """Erasures that nobody has proved yet."""
        return sorted(self._book.erasures.open)

    async def counts(self, job_ids: Sequence[str], authors: Sequence[str]) -> Mapping[str, int]:
        """Rows that an erasure would empty or delete, by table."""
        # As if they were in the log already.
        erasures = Erasures()
        erasures.jobs.update(job_ids)
        return {
            table.table: await self._left_in(table, job_ids, authors, erasures)
            for table in PERSONAL_TABLES
        }

    async def _needles(
        self, requests: Sequence[ErasureRequested], job_ids: Sequence[str], subject_text: str
    ) -> list[str]:
        needles = await needles_of_jobs(self._clickhouse, job_ids) if job_ids else []
        for each in requests:
            if each.subject is Subject.AUTHOR:
                needles += await needles_of_author(self._clickhouse, each.subject_hash)
                needles += [author_in(subject_text)] if subject_text else []
        return list(dict.fromkeys(needles))

    async def _empty(
        self, table: PersonalRows, job_ids: Sequence[str], authors: Sequence[str]
    ) -> int:
        count = 0
        for condition in _conditions(table, job_ids, authors):
            count += await self._count(table.table, condition)
            change = f"UPDATE {table.emptied}" if table.emptied else "DELETE"
            await self._clickhouse.run(
                f"ALTER TABLE {table.table} {change} WHERE {condition} {AT_ONCE}"
            )
        return count

    async def _rewrite(self, table: PersonalRecords, job_ids: Sequence[str]) -> int:
        """Put in what is left, then delete what was: a job never stands there without its rows."""
        count = 0
        for some in _shares(job_ids):
            changed = await self._to_rewrite(table, some, self._book.erasures)
            if not changed:
                continue
            fresh = [left for left, _ in changed]
            token = hashlib.sha256(repr(fresh).encode()).hexdigest()
            await self._clickhouse.insert(table.projection, fresh, f"erasure:{table.table}:{token}")
            old = ", ".join(str(digest) for digest in {digest for _, digest in changed})
            await self._clickhouse.run(
                f"ALTER TABLE {table.table} DELETE WHERE job_id IN ({_quoted(some)}) "
                f"AND halfMD5({table.column}) IN ({old}) {AT_ONCE}"
            )
            count += len(changed)
        return count

    async def _to_rewrite(
        self, table: PersonalRecords, job_ids: Sequence[str], erasures: Erasures
    ) -> list[tuple[Row, int]]:
        """What is left of rows that have something to lose, and a digest of what they hold."""
        names = [name for name, _ in table.projection.columns]
        rows = await self._clickhouse.rows(
            f"SELECT {', '.join(f'`{name}`' for name in names)}, halfMD5({table.column}) "
            f"FROM {table.table} WHERE job_id IN ({_quoted(job_ids)})"
        )
        found: list[tuple[Row, int]] = []
        for *row, digest in rows:
            left = table.left(erasures, row)
            place = names.index(table.column)
            if left[place] != row[place]:
                found.append((left, int(digest)))
        return found

    async def _left_in(
        self,
        table: PersonalRows | PersonalRecords,
        job_ids: Sequence[str],
        authors: Sequence[str],
        erasures: Erasures,
    ) -> int:
        if isinstance(table, PersonalRows):
            return sum(
                [
                    await self._count(table.table, condition)
                    for condition in _conditions(table, job_ids, authors)
                ]
            )
        return sum(
            [len(await self._to_rewrite(table, some, erasures)) for some in _shares(job_ids)]
        )

    async def _count(self, table: str, condition: str) -> int:
        rows: Sequence[Sequence[Any]] = await self._clickhouse.rows(
            f"SELECT count() FROM {table} WHERE {condition}"
        )
        return int(rows[0][0])


def _conditions(
    table: PersonalRows, job_ids: Sequence[str], authors: Sequence[str]
) -> Iterator[str]:
    """What tells the rows of these jobs and authors, as far as the table can."""
    kept = f" AND {table.kept}" if table.kept else ""
    if table.has_job:
        for some in _shares(job_ids):
            yield f"job_id IN ({_quoted(some)}){kept}"
    if table.author and authors:
        yield author_is(table.author, authors) + kept
    if table.fingerprint and authors:
        yield f"{table.fingerprint} IN ({_quoted(authors)}){kept}"


def _shares(job_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(job_ids), JOBS_AT_ONCE):
        yield job_ids[first : first + JOBS_AT_ONCE]


def _quoted(names: Sequence[str]) -> str:
    """Ids or fingerprints as literals; they come from the log: what is neither is left out."""
    # Never an empty text: that would be every key without an author.
    return ", ".join(f"'{each}'" for each in names if HEX.fullmatch(each)) or "'none'"
