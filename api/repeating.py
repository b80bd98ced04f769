"""Asks again for what an ended job did not get: the request of a job, as a new job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from api.parts import Api
from api.refusals import ConflictError
from streams.domain.events import ScrapeRequested, Webhook
from streams.domain.ids import JobId, new_job_id, retry_job_id
from streams.domain.job import WHOLE_OUTCOMES, Job, Status
from streams.domain.recorded import NewEvent, Recorded, new_event
from streams.errors import UnreadableRecordError
from streams.topics import JOB_EVENTS


def check_retryable(job: Job) -> None:
    """Refuse a job for which another try makes no sense.

    Raises:
        ConflictError: it has not ended, or has all that there is.
    """
    if job.is_open:
        raise ConflictError("job_open", f"job {job.job_id} has not ended; cancel it first, or wait")
    if job.status is Status.COMPLETED and job.outcome in WHOLE_OUTCOMES:
        raise ConflictError(
            "job_complete",
            f"job {job.job_id} has all that there was; POST /jobs/{job.job_id}/clone scrapes anew",
        )


async def retried(api: Api, job: Job, traceparent: str) -> NewEvent:
    """The request that tries ``job`` again; its id follows from the job's, so twice is once.

    Raises:
        ConflictError: its webhook's secret is not kept any more.
        UnavailableError: it cannot be read now; ask again.
    """
    event = replace(await _request_of(api, job), retry_of=job.job_id)
    return _new(retry_job_id(job.job_id), job, event, traceparent)


async def cloned(api: Api, job: Job, traceparent: str) -> NewEvent:
    """The same request as a new job. Raises as ``retried`` does."""
    event = replace(await _request_of(api, job), cloned_from=job.job_id)
    return _new(new_job_id(), job, event, traceparent)


def _new(job_id: JobId, job: Job, event: ScrapeRequested, traceparent: str) -> NewEvent:
    return new_event(job_id, job.tenant, event, datetime.now(UTC), traceparent=traceparent)


async def _request_of(api: Api, job: Job) -> ScrapeRequested:
    """What the client asked for, but for times that have passed, and for its batch."""
    return ScrapeRequested(
        kind=job.kind,
        url=job.url,
        options=job.options,
        webhook=await _webhook_of(api, job),
        priority=job.priority,
        max_attempts=job.max_attempts,
        attempt_timeout_s=job.attempt_timeout_s,
        metadata=job.metadata,
    )


async def _webhook_of(api: Api, job: Job) -> Webhook | None:
    """With its sealed secret, which the store does not have: it stands in the log alone."""
    if job.webhook is None or job.webhook.secret is not None:
        return job.webhook
    entry = api.parts.live.memory.find(job.job_id)
    first: Recorded | None = entry.events[0] if entry and entry.whole else None
    if first is None:
        stored = await api.parts.store.read_events(job.job_id)
        if not stored:
            return job.webhook
        place = (JOB_EVENTS, stored[0].partition, stored[0].offset)
        raw = await api.parts.dead_letters.fetch(place)
        try:
            first = None if raw is None else await api.parts.dead_letters.job_event(raw)
        except UnreadableRecordError:
            first = None
    if first is None or not isinstance(first.event, ScrapeRequested):
        raise ConflictError(
            "request_gone",
            f"Kafka does not keep the request of job {job.job_id} any more, and with it the "
            "secret of its webhook: send it with POST /scrape",
        )
    return first.event.webhook
