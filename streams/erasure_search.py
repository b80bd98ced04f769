"""Looks for what was forgotten in every table of the database, as texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from streams.adapters.clickhouse import ClickHouse
from streams.domain.erasure import ERASED, ERASED_URL, Subject, subject_hash
from streams.projections import items, jobs

MOST_NEEDLES = 200
"""Texts that are looked for; ClickHouse takes 255 at once."""
SHORTEST_NEEDLE = 6
NEEDLE_LENGTH = 80
ITEM_AUTHOR = "JSONExtractString(fields, 'author_id')"
HEX = re.compile(r"[0-9a-f]+")

# Names of tables and columns are ours or the database's own; values go as parameters.
# ruff: noqa: S608


async def needles_of_jobs(clickhouse: ClickHouse, job_ids: Sequence[str]) -> list[str]:
    """Ids of authors and beginnings of texts of these jobs' reviews, and the jobs' places."""
    places = await clickhouse.rows(
        f"SELECT DISTINCT url FROM {jobs.projection.table} "
        f"WHERE job_id IN {{jobs:Array(String)}} AND url != '{ERASED_URL}' LIMIT 20",
        {"jobs": list(job_ids)},
    )
    whose = "job_id IN {jobs:Array(String)}"
    return [
        *_needles(text for row in places for text in row),
        *await _needles_of_items(clickhouse, whose, {"jobs": list(job_ids)}),
    ]


async def needles_of_author(clickhouse: ClickHouse, fingerprint: str) -> list[str]:
    """The author's id and beginnings of their texts, as far as the store still has them."""
    return await _needles_of_items(clickhouse, author_is(ITEM_AUTHOR, [fingerprint]), {})


async def _needles_of_items(
    clickhouse: ClickHouse, whose: str, parameters: Mapping[str, Sequence[str]]
) -> list[str]:
    """What only these reviews hold: others may say the same, and are to stay."""
    found = await clickhouse.rows(
        "SELECT DISTINCT JSONExtractString(fields, 'author_id'), JSONExtractString(fields, 'text'),"
        f" JSONExtractString(fields, 'author_name') FROM {items.projection.table} FINAL "
        f"WHERE {whose} LIMIT {MOST_NEEDLES // 8}",
        dict(parameters),
    )
    texts = {in_json(text): text for row in found for text in row if len(text) >= SHORTEST_NEEDLE}
    if not texts:
        return []
    shared = await clickhouse.rows(
        "SELECT DISTINCT arrayJoin(arrayFilter("
        "needle -> position(fields, needle) > 0, {needles:Array(String)})) "
        f"FROM {items.projection.table} "
        f"WHERE NOT ({whose}) AND multiSearchAny(fields, {{needles:Array(String)}})",
        {**parameters, "needles": list(texts)},
    )
    for (text,) in shared:
        texts.pop(text, None)
    return _needles(texts.values())


def author_is(expression: str, fingerprints: Iterable[str]) -> str:
    """The condition that an author's id has one of these fingerprints."""
    known = [each for each in fingerprints if HEX.fullmatch(each)]
    listed = ", ".join(f"'{each}'" for each in known) or "''"
    prefix = f"scrapestream/{Subject.AUTHOR}/"
    return f"lower(hex(SHA256(concat('{prefix}', {expression})))) IN ({listed})"


async def found_in_tables(
    clickhouse: ClickHouse,
    needles: Sequence[str],
    job_ids: Sequence[str] = (),
    *,
    only_with_job: bool = False,
) -> Mapping[str, int]:
    """Rows that hold one of ``needles`` in any text column, of every table.

    ``job_ids``: only in rows of these jobs, where a table says whose they are. A review that
    another job has found of the same author is none of theirs. ``only_with_job``: and in no other
    table: what a place has from its other jobs stays.
    """
    columns = await clickhouse.rows(
        "SELECT table, groupArray(name), countIf(name = 'job_id') FROM system.columns "
        "WHERE database = currentDatabase() AND position(type, 'String') > 0 AND table IN ("
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND position(engine, 'MergeTree') > 0) GROUP BY table ORDER BY table"
    )
    counts: dict[str, int] = {}
    for table, names, has_job in columns:
        if not needles or (only_with_job and not has_job):
            counts[table] = 0
            continue
        # A list column becomes text as well: its entries are quoted in it, not changed.
        holds = " OR ".join(
            f"multiSearchAny(ifNull(toString(`{name}`), ''), {{needles:Array(String)}})"
            for name in names
        )
        whose = "job_id IN {jobs:Array(String)} AND " if job_ids and has_job else ""
        rows = await clickhouse.rows(
            f"SELECT count() FROM `{table}` WHERE {whose}({holds})",
            {"needles": list(needles), "jobs": list(job_ids)},
        )
        counts[table] = int(rows[0][0])
    return counts


async def jobs_with_gaps(clickhouse: ClickHouse, forgotten: Sequence[str]) -> list[str]:
    """Jobs that have lost reviews of an author, also earlier, and are not forgotten themselves."""
    rows = await clickhouse.rows(
        f"SELECT DISTINCT job_id FROM {items.projection.table} "
        f"WHERE schema = '{ERASED}' AND job_id NOT IN {{jobs:Array(String)}}",
        {"jobs": list(forgotten)},
    )
    return [str(job_id) for (job_id,) in rows]


def author_in(text: str) -> str:
    """The author's id in what an operator wrote: the id itself, or the address of their page.

    Raises:
        ValueError: there is none in it.
    """
    match = re.search(r"/contrib/(\d+)", text) or re.fullmatch(r"\s*(\d+)\s*", text)
    if match is None:
        raise ValueError(text)
    return match[1]


def fingerprint_of(subject: Subject, text: str) -> str:
    """See ``subject_hash``; an author by the id alone."""
    return subject_hash(subject, author_in(text) if subject is Subject.AUTHOR else text)


def in_json(text: str) -> str:
    """The beginning of a text as it stands within JSON."""
    return msgspec.json.encode(text[:NEEDLE_LENGTH]).decode()[1:-1]


def _needles(texts: Iterable[str]) -> list[str]:
    """What to look for: as it is, and as it stands within JSON."""
    found: dict[str, None] = {}
    for text in texts:
        if len(text) >= SHORTEST_NEEDLE:
            found |= {text[:NEEDLE_LENGTH]: None, in_json(text): None}
    return list(found)[:MOST_NEEDLES]
