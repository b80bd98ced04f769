"""What earlier jobs have found at a URL, for those who want only what is new since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.ports import JobQuery, JobStore

WISH = "stop_at_known"
KNOWN = "known_ids"
EARLIER_JOBS = 20
"""The newest jobs of the URL that are looked at; each may have found only what was new then."""
MOST_IDS = 50
"""Enough to meet ten in a row, though some were removed since."""


def wants_known_ids(options: Mapping[str, str]) -> bool:
    """Whether they ask for a stop at known items, and leave it to us which are."""
    return options.get(WISH) == "true" and KNOWN not in options


async def find_known_ids(
    store: JobStore, *, tenant: str, kind: str, url: str, item_id: str
) -> Sequence[str]:
    """Ids of the newest items (their field ``item_id``) that jobs of ``url`` have found.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    query = JobQuery(kind=kind, url_prefix=url, tenant=tenant, limit=EARLIER_JOBS)
    jobs = [job.job_id for job in await store.find_jobs(query) if job.url == url]
    return await store.newest_item_ids(jobs, item_id, MOST_IDS) if jobs else ()


def with_known_ids(options: Mapping[str, str], ids: Sequence[str]) -> Mapping[str, str]:
    """The options of a job that stops at ``ids``; without any the whole list is new."""
    others = {name: text for name, text in options.items() if name not in {WISH, KNOWN}}
    return {**others, WISH: "true", KNOWN: ",".join(ids)} if ids else others
