"""Identifiers: typed, and deterministic where a repeat must be recognised."""

from __future__ import annotations

import uuid
from typing import NewType

JobId = NewType("JobId", str)
"""A job: 32 hexadecimal digits."""

NAMESPACE = uuid.UUID("6f6d2b52-5c3e-5f0e-9d5c-7a1f3b0c2d11")  # ours alone; never change it


def new_job_id() -> JobId:
    """An id that nobody can guess."""
    return JobId(uuid.uuid4().hex)


def keyed_job_id(tenant: str, key: str) -> JobId:
    """The id of the job that ``tenant`` asked for with an idempotency key, at every process."""
    return JobId(uuid.uuid5(NAMESPACE, f"{tenant}/key/{key}").hex)


def event_id(job_id: str, type_name: str, attempt: int = 0, ordinal: str | int = 0) -> str:
    """The same event gets the same id each time it is written, by whomever.

    ``ordinal`` tells apart events of one type in one attempt; a worker puts its name in it,
    since two workers may claim one attempt.
    """
    return str(uuid.uuid5(NAMESPACE, f"{job_id}/{attempt}/{type_name}/{ordinal}"))


def item_event_id(job_id: str, item_id: str) -> str:
    """The id of an item's record: an item emitted by two attempts is one item."""
    return str(uuid.uuid5(NAMESPACE, f"{job_id}/item/{item_id}"))
