"""Identifiers: typed, and deterministic where a repeat must be recognised."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import UTC, datetime
from typing import NewType

JobId = NewType("JobId", str)
"""A job: 32 hexadecimal digits."""

NAMESPACE = uuid.UUID("6f6d2b52-5c3e-5f0e-9d5c-7a1f3b0c2d11")  # ours alone; never change it
NAMESPACE_BYTES = NAMESPACE.bytes
VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit of a UUID that says which layout it has, by the one that the hash has there."""


def new_job_id() -> JobId:
    """An id that nobody can guess."""
    return JobId(secrets.token_hex(16))


def new_job_ids(count: int) -> list[JobId]:
    """As many ids as ``new_job_id`` gives one by one, for one question to the system."""
    text = secrets.token_hex(16 * count)
    return [JobId(text[at : at + 32]) for at in range(0, 32 * count, 32)]


def keyed_job_id(tenant: str, key: str) -> JobId:
    """The id of the job that ``tenant`` asked for with an idempotency key, at every process."""
    return JobId(uuid.uuid5(NAMESPACE, f"{tenant}/key/{key}").hex)


def new_batch_id() -> str:
    """An id of jobs that were asked for in one call: a UUID without hyphens."""
    return uuid.uuid4().hex


def keyed_batch_id(tenant: str, key: str) -> str:
    """The id of the batch that ``tenant`` asked for with an idempotency key."""
    return uuid.uuid5(NAMESPACE, f"{tenant}/batch/{key}").hex


def batch_job_id(batch_id: str, index: int) -> JobId:
    """The id of the ``index``-th job of a batch with an idempotency key."""
    return JobId(uuid.uuid5(NAMESPACE, f"{batch_id}/{index}").hex)


def retry_job_id(job_id: str) -> JobId:
    """The id of the job that tries ``job_id`` again: asking twice makes one."""
    return JobId(uuid.uuid5(NAMESPACE, f"{job_id}/retry").hex)


def keyed_monitor_id(tenant: str, key: str) -> str:
    """The id of the monitor that ``tenant`` asked for with an idempotency key."""
    return uuid.uuid5(NAMESPACE, f"{tenant}/monitor/{key}").hex


def monitor_job_id(monitor_id: str, due_at: datetime) -> JobId:
    """The id of a monitor's run by when it was due: whoever starts it, it is one job."""
    at = due_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return JobId(uuid.uuid5(NAMESPACE, f"{monitor_id}/run/{at}").hex)


def new_traceparent() -> str:
    """The W3C trace context of a trace that begins here."""
    random = secrets.token_hex(24)  # asked for once: each question is a call of the system
    return f"00-{random[:32]}-{random[32:]}-01"


def event_id(job_id: str, type_name: str, attempt: int = 0, ordinal: str | int = 0) -> str:
    """The same event gets the same id each time it is written, by whomever.

    ``ordinal`` tells apart events of one type in one attempt; a worker puts its name in it,
    since two workers may claim one attempt.
    """
    return _uuid5_text(f"{job_id}/{attempt}/{type_name}/{ordinal}")


def item_event_id(job_id: str, item_id: str) -> str:
    """The id of an item's record: an item emitted by two attempts is one item."""
    return _uuid5_text(f"{job_id}/item/{item_id}")


def _uuid5_text(name: str) -> str:
    """``str(uuid.uuid5(NAMESPACE, name))``, in a quarter of the time: every record has one."""
    text = hashlib.sha1(NAMESPACE_BYTES + name.encode(), usedforsecurity=False).hexdigest()
    variant = VARIANTS[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
