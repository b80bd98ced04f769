"""A client's wish to stop at what its earlier jobs have found."""

from __future__ import annotations

import msgspec

from api.parts import Api
from api.submission import Submission
from streams.known_items import find_known_ids, wants_known_ids, with_known_ids


async def with_known_items(api: Api, asked: Submission, tenant: str) -> Submission:
    """``asked`` with the ids that its wish to stop at known items is about.

    A client that sends ids of its own is taken at its word. Without any earlier job of the same
    URL nothing is known, and the wish falls away: the whole list is new.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    if not wants_known_ids(asked.options):
        return asked
    kind = api.parts.catalogue.find_kind(asked.url)
    if kind is None:
        return asked  # it is refused anyway
    ids = await find_known_ids(
        api.parts.store, tenant=tenant, kind=kind.name, url=asked.url, item_id=kind.item_id
    )
    return msgspec.structs.replace(asked, options=dict(with_known_ids(asked.options, ids)))
