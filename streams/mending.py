"""Replays a part of the log: the rows that belong to it are compared, and mended in place.

What is right stays as it is; a row that is missing or different is put in, then what the log does
not give is taken out. So readers find a row of each record all the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.records import Records
from streams.beside import TableBeside
from streams.domain.log_part import LogPart, Span, lost_tail, mendable_end
from streams.garbage import rare_garbage_collection
from streams.log_reading import of_jobs, read_spans, spans_of
from streams.ports import RawRecord
from streams.projections import jobs
from streams.projections.projection import Projection
from streams.replay import Phase, Replayed, Told, drift_in, jobs_in
from streams.stored_progress import Progress, StoredProgress

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608


class Mending:
    """One projection's rows of one part of the log."""

    def __init__(
        self,
        projection: Projection,
        part: LogPart,
        reader: KafkaReader,
        records: Records,
        clickhouse: ClickHouse,
        *,
        progress: StoredProgress,
        told: Told = lambda _done, _total: None,
        phase: Phase = lambda _: None,
        name: str = "",
    ) -> None:
        """``told`` hears (records done, records in all) from time to time."""
        self._projection = projection
        self._part = part
        self._reader = reader
        self._clickhouse = clickhouse
        self._progress = progress
        self._told = told
        self._phase = phase
        self._beside = TableBeside(projection, records, clickhouse, name=name)
        self._starts: Mapping[int, int] = {}
        self._pieces: list[_Piece] = []
        self.result = Replayed(projection=projection.name)

    async def run(self, *, mend: bool) -> Replayed:
        """Compare, which fills ``drift``; with ``mend`` the live table is put right.

        Raises:
            LogUnavailableError, RegistryError, StoreUnavailableError: it did not end; replay again.
        """
        began_s = time.monotonic()
        await self._beside.create()
        try:
            with rare_garbage_collection():
                await self._read()
            self.result.jobs = await jobs_in(self._clickhouse, self._beside.name)
            self._phase("mending" if mend else "comparing")
            await self._beside.check_erasures()
            found: dict[str, list[int]] = {}
            for piece in self._pieces:
                await self._compare(piece, found, mend=mend)
            self.result.drift = drift_in(found)
            self._phase("done")
        finally:
            self.result.seconds = time.monotonic() - began_s
            await self._beside.drop()
        return self.result

    async def _read(self) -> None:
        """Fill the table beside with the part's rows, and note what to compare."""
        topic = self._beside.topic
        self._starts = await self._reader.starts(topic)
        wanted = await spans_of(self._reader, topic, self._part)
        progress = await self._progress.reach(topic, {n: span.end for n, span in wanted.items()})
        spans: dict[int, Span] = {}
        for number, span in wanted.items():
            end = mendable_end(
                span,
                stored_end=progress.stored.get(number, 0),
                committed=progress.committed.get(number),
            )
            self.result.not_stored_yet += span.end - end
            if end > span.first:
                spans[number] = Span(first=span.first, end=end)
        if self._projection is jobs.projection:
            await self._read_whole_jobs(spans)
        else:
            await self._read_rows(spans, progress)

    async def _read_rows(self, spans: Mapping[int, Span], progress: Progress) -> None:
        """Records that are a row each."""
        tails: dict[int, Span] = {}
        heads: dict[int, Span] = {}
        for number, span in spans.items():
            tail = lost_tail(
                stored_end=progress.stored.get(number, 0),
                committed=progress.committed.get(number),
                start=self._starts.get(number, 0),
                end=span.end,
            )
            if tail is None:
                heads[number] = span
                continue
            tails[number] = tail
            if span.first < tail.first:
                heads[number] = Span(first=span.first, end=tail.first)
        # Tails first: a newer row of the same key is there when the older ones are compared.
        self._pieces = [
            *(_Piece(partition=n, span=span, is_tail=True) for n, span in tails.items()),
            *(_Piece(partition=n, span=span) for n, span in heads.items()),
        ]
        is_of_jobs = of_jobs(self._part, self._beside.topic)
        await self._fill(tails, lambda _: True)
        await self._fill(heads, is_of_jobs)

    async def _read_whole_jobs(self, spans: Mapping[int, Span]) -> None:
        """A state needs all events of its job, also those outside of the span."""
        topic = self._beside.topic
        keys: set[bytes | None] = {job_id.encode() for job_id in self._part.job_ids}
        if self._part.since is not None or self._part.before is not None:
            found: set[bytes | None] = set()
            async for raws in read_spans(self._reader, topic, spans):
                found.update(raw.key for raw in raws)
            keys = keys & found if keys else found
        ends = {n: end for n, end in (await self._reader.ends(topic)).items() if n in spans}
        progress = await self._progress.reach(topic, ends)
        whole = {
            number: Span(first=self._starts.get(number, 0), end=min(end, progress.end(number)))
            for number, end in ends.items()
        }
        self._pieces = [
            _Piece(partition=number, span=spans[number], folded_to=span.end)
            for number, span in whole.items()
        ]
        await self._fill(whole, lambda raw: raw.key in keys)

    async def _fill(self, spans: Mapping[int, Span], takes: Callable[[RawRecord], bool]) -> None:
        total, done = sum(span.count for span in spans.values()), 0
        async for raws in read_spans(self._reader, self._beside.topic, spans):
            await self._beside.add([raw for raw in raws if takes(raw)])
            done += len(raws)
            self._told(done, total)
        await self._beside.flush()
        self.result.records = self._beside.records
        self.result.unreadable = self._beside.unreadable
        self.result.rows = self._beside.rows

    async def _compare(self, piece: _Piece, found: dict[str, list[int]], *, mend: bool) -> None:
        """Note the drift of one piece in ``found`` as [missing, surplus] by job, and mend it."""
        parameters = {
            "partition": piece.partition,
            "first": piece.span.first,
            "end": piece.span.end,
            "to": piece.folded_to or piece.span.end,
            "jobs": list(self._part.job_ids),
        }
        right, live = self._right(piece), self._live(piece)
        missing = await self._counts(f"{right} EXCEPT {live}", parameters)
        surplus = await self._counts(f"{live} EXCEPT {right}", parameters)
        for side, counts in enumerate((missing, surplus)):
            for job_id, count in counts.items():
                # Of a lost tail only those are told that were asked for.
                if not self._part.job_ids or job_id in self._part.job_ids:
                    found.setdefault(job_id, [0, 0])[side] += count
        if mend and missing:
            # In order: should it end in the middle, then no row hides those before it.
            await self._clickhouse.run(
                f"INSERT INTO {self._projection.table} SETTINGS insert_deduplicate = 0 "
                f"SELECT * FROM ({right} EXCEPT {live}) ORDER BY offset",
                parameters,
            )
            self.result.inserted += sum(missing.values())
        if mend and surplus:
            columns = ", ".join(f"`{name}`" for name, _ in self._projection.columns)
            hashed = f"sipHash64(toString(tuple({columns})))"
            await self._clickhouse.run(
                f"DELETE FROM {self._projection.table} WHERE {self._scope(piece)} AND {hashed} "
                f"NOT IN (SELECT {hashed} FROM {self._beside.name})",
                parameters,
            )
            self.result.removed += sum(surplus.values())

    async def _counts(self, rows_of: str, parameters: Mapping[str, object]) -> dict[str, int]:
        rows = await self._clickhouse.rows(
            f"SELECT job_id, count() FROM ({rows_of}) GROUP BY job_id", parameters
        )
        return {str(job_id): int(count) for job_id, count in rows}

    def _right(self, piece: _Piece) -> str:
        """The piece's rows as the log gives them."""
        of_span = "" if piece.folded_to else " AND offset >= {first:Int64} AND offset < {end:Int64}"
        return (
            f"SELECT * FROM {self._beside.name} FINAL "
            f"WHERE partition = {{partition:Int32}}{of_span}{self._not_replaced()}"
        )

    def _live(self, piece: _Piece) -> str:
        """The live rows of the same piece."""
        return (
            f"SELECT * FROM {self._projection.table} FINAL "
            f"WHERE {self._scope(piece)}{self._not_replaced()}"
        )

    def _not_replaced(self) -> str:
        """Leaves out rows that a record after the piece has replaced."""
        keys = self._projection.order_by.strip("()")
        if "offset" in keys:
            return ""
        return (
            f" AND ({keys}) NOT IN (SELECT {keys} FROM {self._projection.table} "
            "WHERE partition = {partition:Int32} AND offset >= {to:Int64})"
        )

    def _scope(self, piece: _Piece) -> str:
        """The piece as a condition on live rows."""
        of_jobs_ = (
            " AND job_id IN {jobs:Array(String)}"
            if self._part.job_ids and not piece.is_tail
            else ""
        )
        of_span = f"offset >= {{first:Int64}} AND offset < {{end:Int64}}{of_jobs_}"
        if not piece.folded_to:
            return f"partition = {{partition:Int32}} AND {of_span}"
        known = f"job_id IN (SELECT job_id FROM {self._beside.name})"
        if self._starts.get(piece.partition, 0) == 0:
            # All of the log is kept: a job that it does not know is none.
            known = f"({known} OR ({of_span}))"
        return f"partition = {{partition:Int32}} AND offset < {{to:Int64}} AND {known}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Offsets of one partition that are compared together."""

    partition: int
    span: Span
    is_tail: bool = False
    """Stored once and lost at the end of the partition: mended for every job."""
    folded_to: int = 0
    """For the projection of jobs: the offset up to which they are folded."""
