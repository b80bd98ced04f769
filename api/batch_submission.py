"""Submits many jobs in one call: each item becomes a job or is refused by itself."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from api.appending import append_all, check_log
from api.bulk import Item, ItemReader
from api.idempotency import READ_BACK_S
from api.parts import Api
from api.pressure import check_room
from api.refusals import AllRefusedError, ViewBehindError
from streams.domain.ids import JobId, batch_job_id, keyed_batch_id, new_batch_id, new_job_ids
from streams.domain.job import Status
from streams.domain.recorded import NewEvent, new_event
from streams.errors import IdempotencyKeyReusedError, InvalidRequestError

CHECKED_AT_ONCE = 500  # items; some 15 ms, in which nobody else is served
TENANT = "public"


@dataclass(slots=True)
class Submitted:
    """What became of each item."""

    batch_id: str
    job_ids: list[JobId | None] = field(default_factory=list)
    """In the order of the items; None for one that was refused."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    is_replay: bool = False
    """Whether every job was there already."""

    @property
    def accepted(self) -> int:
        """Items that are jobs now."""
        return len(self.job_ids) - len(self.errors)


async def submit_batch(
    api: Api, items: Sequence[Item], traceparent: str, key: str | None
) -> Submitted:
    """Append a job for each item that can work; returns once all are durable.

    With an idempotency ``key`` only what is missing is appended.

    Raises:
        AllRefusedError: there is no such item.
        IdempotencyKeyReusedError: the key belongs to another batch.
        UnavailableError: Kafka is away, or did not acknowledge all.
    """
    batch_id = new_batch_id() if key is None else keyed_batch_id(TENANT, key)
    mark = "" if key is None else _fingerprint(items, api.parts.settings.secret_key)
    done = Submitted(batch_id)
    known: set[JobId] = set()
    now = sent_at = datetime.now(UTC)
    if key is not None and (batch := await api.batches.find_any(batch_id)) is not None:
        known = set(batch.statuses)
        one = await api.jobs.find(next(iter(known)))
        if not hmac.compare_digest(one.request_fingerprint, mark):
            raise IdempotencyKeyReusedError
        sent_at = one.created_at  # what could be kept then was accepted, and stays so
    reader = ItemReader(api, batch_id, mark, sent_at)
    board = api.parts.live.memory.batches
    board.open(batch_id)  # before the first job can be read back
    check_log(api)
    check_room(api, len(items) - len(known))
    events: list[NewEvent] = []
    new_ids = iter(new_job_ids(len(items)) if key is None else ())
    for index, item in enumerate(items):
        if index % CHECKED_AT_ONCE == 0:
            await asyncio.sleep(0)
        try:
            event = reader.read(item)
        except InvalidRequestError as error:
            done.errors.append(reader.refusal(index, error).payload())
            done.job_ids.append(None)
            continue
        job_id = next(new_ids) if key is None else batch_job_id(batch_id, index)
        done.job_ids.append(job_id)
        if job_id not in known:
            events.append(new_event(job_id, TENANT, event, now, traceparent=traceparent))
    if not done.accepted:
        board.close(batch_id)
        raise AllRefusedError(done.errors)
    ends = await append_all(api, events, batch_id)
    done.is_replay = not events
    if key is not None:
        await _check_winner(api, [new.job_id for new in events], ends, mark)
    board.accept(batch_id, [new.job_id for new in events], Status.QUEUED, created_at=now)
    return done


async def _check_winner(
    api: Api, job_ids: Sequence[JobId], ends: dict[int, int], mark: str
) -> None:
    """Of two batches that race with one key, the first in the log is the batch."""
    live = api.parts.live
    if not await live.has_read(ends, 5 * READ_BACK_S):
        raise ViewBehindError("stored, but not read back yet: send it again with the same key")
    for job_id in job_ids:
        job = live.find(job_id)
        if job is not None and not hmac.compare_digest(job.request_fingerprint, mark):
            raise IdempotencyKeyReusedError


def _fingerprint(items: Sequence[Item], secret_key: str) -> str:
    """Tells batches apart by their items' text. Keyed: they may hold webhook secrets."""
    digest = hmac.new(secret_key.encode(), digestmod=hashlib.sha256)
    for item in items:
        text = bytes(item).strip()
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()
