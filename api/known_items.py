"""What earlier jobs have found at a URL, for those who want only what is new since."""

from __future__ import annotations

import msgspec

from api.parts import Api
from api.submission import Submission
from streams.ports import JobQuery

WISH = "stop_at_known"
KNOWN = "known_ids"
EARLIER_JOBS = 20
"""The newest jobs of the URL that are looked at; each may have found only what was new then."""
MOST_IDS = 50
"""Enough to meet ten in a row, though some were removed since."""


async def with_known_items(api: Api, asked: Submission, tenant: str) -> Submission:
    """``asked`` with the ids that its wish to stop at known items is about.

    A client that sends ids of its own is taken at its word. Without any earlier job of the same
    URL nothing is known, and the wish falls away: the whole list is new.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    if asked.options.get(WISH) != "true" or KNOWN in asked.options:
        return asked
    kind = api.parts.catalogue.find_kind(asked.url)
    if kind is None:
        return asked  # it is refused anyway
    store = api.parts.store
    query = JobQuery(kind=kind.name, url_prefix=asked.url, tenant=tenant, limit=EARLIER_JOBS)
    jobs = [job.job_id for job in await store.find_jobs(query) if job.url == asked.url]
    ids = await store.newest_item_ids(jobs, kind.item_id, MOST_IDS) if jobs else ()
    options = {name: text for name, text in asked.options.items() if name != WISH}
    if ids:
        options |= {WISH: "true", KNOWN: ",".join(ids)}
    return msgspec.structs.replace(asked, options=options)
