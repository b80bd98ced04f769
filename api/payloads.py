"""Jobs and events as clients see them: no secret, sealed or not, ever stands in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.links import Links
from api.queue_view import QueuePlace
from api.story import position_text
from streams.domain.events import author_of
from streams.domain.job import WHOLE_OUTCOMES, Job, Status
from streams.domain.recorded import Recorded
from streams.domain.results import day_of, expires_at

JSON = "application/json"


def json_response(
    payload: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """``payload`` as JSON; times as ISO 8601."""
    return Response(msgspec.json.encode(payload), status, headers, media_type=JSON)


def job_payload(job: Job, links: Links, place: QueuePlace | None = None) -> dict[str, Any]:
    """The contract's job; ``place``: where it stands in the queue, if that is told."""
    has_reviews = job.items_count > 0 or job.status is Status.COMPLETED
    return {
        "job_id": job.job_id,
        "status": job.status,
        "kind": job.kind,
        "url": job.url,
        "webhook_url": job.webhook.url if job.webhook else None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "updated_at": job.updated_at,
        "completed_at": job.completed_at,
        "cancel_requested_at": job.cancel_requested_at,
        "stage": job.stage,
        "progress": job.progress,
        "reviews_count": job.items_count,
        "reviews_total": job.items_total,
        "reviews_url": links.reviews(job.job_id) if has_reviews else None,
        "results": _results_in(job, links),
        "error_message": _error_in(job),
        "error_code": job.reason,
        "attempt": job.attempt,
        "outcome": job.outcome,
        "title": job.title or None,
        "facts": job.facts,
        "sources": job.sources,
        "priority": job.priority,
        "options": job.options,
        "metadata": job.metadata,
        "queue_position": place.queue_position if place else None,
        "estimated_start_s": place.estimated_start_s if place else None,
        "waiting_for": place.waiting_for if place else None,
        "max_attempts": job.max_attempts,
        "timeout_s": job.attempt_timeout_s,
        "not_before": job.not_before,
        "expires_at": job.expires_at,
        "next_attempt_at": job.due_at if job.is_open else None,
        "batch_id": job.batch_id or None,
        "retry_of": job.retry_of or None,
        "cloned_from": job.cloned_from or None,
        "monitor_id": job.monitor_id or None,
    }


def job_response(
    request: Request,
    job: Job,
    links: Links,
    *,
    status: int = 200,
    place: QueuePlace | None = None,
) -> Response:
    """The job; 304 without it when the client has this very state."""
    stands = position_text(job.partition, job.offset)
    if place is not None:  # it moves in the queue without an event of its own
        stands += f"-{place.queue_position}-{place.estimated_start_s}-{len(place.waiting_for)}"
    tag = f'"{stands}"'
    # The client may keep it, and must ask whether it still holds.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if job.is_open:
        headers["Retry-After"] = "1"
    given = request.headers.get("if-none-match", "")
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    if status == 200 and request.method in {"GET", "HEAD"} and tags & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return json_response(job_payload(job, links, place), status=status, headers=headers)


def event_payload(recorded: Recorded, seq: int) -> dict[str, Any]:
    """The job's ``seq``-th event with all its fields, but for secrets and what is made of them."""
    fields: dict[str, Any] = msgspec.to_builtins(recorded.event, builtin_types=(datetime,))
    if webhook := fields.get("webhook"):
        fields["webhook"] = {"url": webhook["url"]}
    fields.pop("request_fingerprint", None)
    return {
        "id": position_text(recorded.partition, recorded.offset),
        "seq": seq,
        "type": type(recorded.event).__name__,
        "author": author_of(recorded.event),
        "occurred_at": recorded.occurred_at,
        "event_id": recorded.event_id,
        "job_id": recorded.job_id,
        "data": fields,
    }


def _results_in(job: Job, links: Links) -> dict[str, Any] | None:
    """The file of the job's reviews; None while there is none."""
    stored = job.results
    if stored is None or not links.has_files:
        return None
    day = day_of(stored.key)
    return {
        "url": links.file(job.job_id),
        "format": "json.gz",
        "size_bytes": stored.size_bytes,
        "rows": stored.rows,
        "sha256": stored.sha256,
        "stored_at": stored.stored_at,
        "expires_at": expires_at(day, links.file_days) if day else None,
    }


def _error_in(job: Job) -> str | None:
    """What went wrong, for people; None when nothing did."""
    is_in_part = job.status is Status.COMPLETED and job.outcome not in WHOLE_OUTCOMES
    troubled = job.status in {Status.FAILED, Status.RETRYING} or is_in_part
    return (job.message or job.reason or None) if troubled else None
