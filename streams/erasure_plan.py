"""What an erasure is about: the jobs of a place, and whether they may be forgotten now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.adapters.clickhouse import ClickHouse
from streams.domain.erasure import ERASED_URL, Subject
from streams.domain.job import OPEN_STATUSES
from streams.erasure_search import HEX, author_in
from streams.errors import InvalidRequestError, UnknownJobError
from streams.projections import jobs

JOB_ID_LENGTH = 32
_FACT = "JSONExtractString(state, 'facts', '{}')"
PLACE_FACTS = tuple(_FACT.format(name) for name in ("feature_id", "place_id", "url"))
"""What a place says of itself: the same however a job's URL was written."""

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasurePlan:
    """Which jobs an erasure would take with it."""

    job_ids: Sequence[str] = ()
    open_job_ids: Sequence[str] = ()
    """Those of them that are not over: nothing can be forgotten before they are."""


async def planned(clickhouse: ClickHouse, subject: Subject, text: str) -> ErasurePlan:
    """The jobs of what an operator named; none for an author.

    Raises:
        InvalidRequestError: it is no such thing.
        UnknownJobError: there is no such job.
    """
    match subject:
        case Subject.AUTHOR:
            try:
                author_in(text)
            except ValueError:
                raise InvalidRequestError(
                    "an author is named by their id, digits as in `author_id`, or by the address "
                    "of their page: https://www.google.com/maps/contrib/ID"
                ) from None
            return ErasurePlan()
        case Subject.JOB:
            if len(text) != JOB_ID_LENGTH or not HEX.fullmatch(text):
                raise InvalidRequestError("a job is named by its id: 32 hexadecimal digits")
            found = await _jobs_where(clickhouse, ["job_id"], [text])
            if not found:
                raise UnknownJobError(text)
            return _plan(found)
    return _plan(await _jobs_of_place(clickhouse, text))


async def _jobs_of_place(clickhouse: ClickHouse, text: str) -> Sequence[Sequence[str]]:
    """Jobs of that URL or place id, and all of places that those have found to be the same."""
    if not text.strip() or text == ERASED_URL:
        raise InvalidRequestError("a place is named by its URL, feature id or place id")
    columns = ["url", *PLACE_FACTS]
    found = await _jobs_where(clickhouse, columns, [text])
    names = {name for _, _, *named in found for name in named if name}
    return await _jobs_where(clickhouse, columns, sorted(names | {text}))


async def _jobs_where(
    clickhouse: ClickHouse, columns: Sequence[str], values: Sequence[str]
) -> Sequence[Sequence[str]]:
    is_one = " OR ".join(f"{column} IN {{values:Array(String)}}" for column in columns)
    return await clickhouse.rows(
        f"SELECT job_id, status, url, {', '.join(PLACE_FACTS)} FROM {jobs.projection.table} FINAL "
        f"WHERE {is_one} ORDER BY job_id",
        {"values": list(values)},
    )


def _plan(found: Sequence[Sequence[str]]) -> ErasurePlan:
    return ErasurePlan(
        job_ids=[job_id for job_id, *_ in found],
        open_job_ids=[job_id for job_id, status, *_ in found if status in OPEN_STATUSES],
    )
