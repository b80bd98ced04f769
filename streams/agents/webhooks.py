"""Tells customers how their jobs ended: owes a webhook for each ending, follows what becomes of it.

Independent of Faust: each agent is a coroutine over any async iterable. What is owed is kept
and tried by ``streams.agents.deliveries``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterable
from datetime import UTC

from streams.agents.deliveries import Deliveries
from streams.domain.events import Ending, ScrapeCancelled, ScrapeCompleted, ScrapeFailed
from streams.domain.ids import event_id
from streams.domain.job import WHOLE_OUTCOMES
from streams.domain.recorded import Recorded
from streams.domain.webhook import (
    EVENT_TYPES,
    DeliveryScheduled,
    RecordedDelivery,
    delivery_id_of,
)
from streams.errors import UnavailableError
from streams.ports import EventLog

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 2_000  # keeps a body well under the 20 kB that Standard Webhooks advises


def owed(
    recorded: Recorded, public_url: str, *, has_files: bool = False
) -> RecordedDelivery | None:
    """The delivery that a job event makes owed; None unless it ends a job with a webhook.

    ``has_files``: whether results are kept as files, so that the body says where.
    """
    ending = recorded.event
    if not isinstance(ending, ScrapeCompleted | ScrapeFailed | ScrapeCancelled):
        return None
    if ending.webhook is None:
        return None
    return RecordedDelivery(
        delivery_id=delivery_id_of(recorded.job_id),
        job_id=recorded.job_id,
        tenant=recorded.tenant,
        event_id=event_id(recorded.job_id, DeliveryScheduled.__name__),
        occurred_at=recorded.occurred_at,
        event=DeliveryScheduled(
            type=EVENT_TYPES[type(ending)],
            url=ending.webhook.url,
            secret=ending.webhook.secret,
            body=_body_of(recorded, ending, public_url, has_files=has_files),
            items=ending.items,
        ),
        traceparent=recorded.traceparent,
    )


async def schedule_delivery(
    recorded: Recorded, event_log: EventLog, public_url: str, *, has_files: bool = False
) -> None:
    """Append a ``DeliveryScheduled`` if ``recorded`` ends a job with a webhook.

    Returns only once it is stored: Faust counts an event as done when its agent fails.
    """
    new = owed(recorded, public_url, has_files=has_files)
    while new is not None:
        try:
            await event_log.append_delivery(new)
        except UnavailableError as error:
            log.warning("webhook not scheduled yet", extra={"job_id": new.job_id})
            await asyncio.sleep(error.retry_after_s)
        else:
            return


async def schedule_deliveries(
    stream: AsyncIterable[Recorded], event_log: EventLog, public_url: str
) -> None:
    """Schedule a delivery for each job of ``job-events`` that ends with a webhook."""
    async for recorded in stream:
        await schedule_delivery(recorded, event_log, public_url)


async def follow_deliveries(
    stream: AsyncIterable[RecordedDelivery], deliveries: Deliveries
) -> None:
    """Fold each record of ``webhook-events``; what it makes due is started."""
    async for recorded in stream:
        deliveries.fold(recorded)


def _body_of(recorded: Recorded, ending: Ending, public_url: str, *, has_files: bool) -> str:
    kind = EVENT_TYPES[type(ending)]
    ended_at = recorded.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    outcome, error = _end_of(ending)
    has_reviews = ending.items_count > 0 or isinstance(ending, ScrapeCompleted)
    facts = {
        "job_id": recorded.job_id,
        "status": kind.removeprefix("job."),
        "outcome": outcome,
        "error_message": error and error[:LONGEST_MESSAGE],
        "url": ending.url,
        "reviews_count": ending.items_count,
        "reviews_url": f"{public_url}/jobs/{recorded.job_id}/reviews" if has_reviews else None,
        # Not a link to the storage itself: it would end before a late try of this webhook.
        "file_url": f"{public_url}/jobs/{recorded.job_id}/file"
        if has_reviews and has_files
        else None,
        "completed_at": ended_at,
        "metadata": dict(ending.metadata),
        "batch_id": ending.batch_id or None,
    }
    # `type`, `timestamp` and `data` are Standard Webhooks'; the flat facts are our own contract.
    body = {"event": kind, "type": kind, "timestamp": ended_at, **facts, "data": facts}
    return json.dumps(body, separators=(",", ":"))


def _end_of(ending: Ending) -> tuple[str, str | None]:
    """Outcome and error message, as ``GET /jobs/{id}`` gives them."""
    match ending:
        case ScrapeCompleted(outcome=outcome, message=message):
            return outcome, None if outcome in WHOLE_OUTCOMES else (message or None)
        case ScrapeFailed(reason=reason, message=message):
            return reason, message or reason
        case ScrapeCancelled():
            return "cancelled", None
