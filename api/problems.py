"""Errors as ``application/problem+json`` (RFC 9457): one table, one shape, no stack traces."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from asgi_correlation_id import correlation_id
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.links import Links
from api.refusals import AllRefusedError, UncertainBatchError
from streams.errors import (
    InvalidRequestError,
    LogUnavailableError,
    ScrapestreamError,
    UnavailableError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What a code means; ``GET /problems/{code}`` shows it."""

    code: str
    status: int
    title: str
    advice: str


KINDS: Mapping[str, ProblemKind] = {
    kind.code: kind
    for kind in (
        ProblemKind(
            "malformed_request",
            400,
            "The request cannot be read",
            "Send valid JSON in UTF-8; use cursors and event ids exactly as you got them.",
        ),
        ProblemKind(
            "invalid_request",
            422,
            "The request can never work as it stands",
            "Change what `detail` names, then send it again.",
        ),
        ProblemKind(
            "input.url_unsupported",
            422,
            "No scraper accepts this URL",
            "Send the address of a page of a kind that `detail` shows an example of.",
        ),
        ProblemKind(
            "idempotency_key_reused",
            422,
            "The Idempotency-Key belongs to another request",
            "Send a new key, or the same body as before.",
        ),
        ProblemKind("not_found", 404, "There is no such path", "`GET /` lists the paths."),
        ProblemKind(
            "unknown_job",
            404,
            "There is no job of this id",
            "Use the `job_id` that POST /scrape answered with.",
        ),
        ProblemKind(
            "history.before_first_event",
            404,
            "The job did not exist then",
            "Ask for event 1 or later, or for a time after the job's `created_at`.",
        ),
        ProblemKind(
            "history.after_last_event",
            404,
            "The job's history does not reach so far",
            "Ask for an event that `detail` names, or for a time that has come.",
        ),
        ProblemKind(
            "unknown_batch", 404, "No such batch", "Use the `batch_id` of POST /jobs/batch."
        ),
        ProblemKind("unknown_place", 404, "No such place", "Use a `place_id` of GET /places."),
        ProblemKind(
            "unknown_monitor",
            404,
            "There is no such monitor",
            "Use a `monitor_id` of GET /monitors.",
        ),
        ProblemKind(
            "unknown_letter", 404, "No such dead letter", "Use an `id` of GET /dlq as the path."
        ),
        ProblemKind(
            "unknown_key", 404, "There is no such key", "Leave its records out: they are forgotten."
        ),
        ProblemKind(
            "unknown_replay", 404, "There is no such replay", "Use a `replay_id` of GET /replays."
        ),
        ProblemKind("unknown_erasure", 404, "No such erasure", "Use an `erasure_id` of /erasures."),
        ProblemKind(
            "replay_running",
            409,
            "Another replay changes the same",
            "Wait until the one that `detail` names has ended, or stop it.",
        ),
        ProblemKind(
            "results.none", 404, "The job has no file of results", "Use GET /jobs/{job_id}/reviews."
        ),
        ProblemKind(
            "results.gone", 410, "The file of results is deleted", "Use GET /jobs/{job_id}/reviews."
        ),
        ProblemKind(
            "method_not_allowed",
            405,
            "The path does not know this method",
            "Use a method that the `Allow` header names.",
        ),
        ProblemKind(
            "unauthorized", 401, "A token is needed", "Send `Authorization: Bearer TOKEN`."
        ),
        ProblemKind(
            "body_too_large", 413, "The body is too large", "Send less: one URL, a few fields."
        ),
        ProblemKind(
            "unsupported_media_type",
            415,
            "The body is not declared as JSON",
            "Send `Content-Type: application/json`.",
        ),
        ProblemKind(
            "job_open", 409, "The job has not ended", "Wait for its end, or cancel it first."
        ),
        ProblemKind(
            "job_complete", 409, "The job has all that there was", "Clone it to scrape it anew."
        ),
        ProblemKind(
            "request_gone",
            409,
            "The job's request is not kept any more",
            "Send it again with POST /scrape.",
        ),
        ProblemKind(
            "monitor_busy",
            409,
            "The run before has not ended",
            "Wait for the end of its job, or cancel it.",
        ),
        ProblemKind(
            "queue_full",
            429,
            "As many jobs are open as may be",
            "Send it again after `Retry-After` seconds.",
        ),
        ProblemKind(
            "log_unavailable",
            503,
            "Kafka does not acknowledge",
            "Try again after `Retry-After` seconds. With a `job_id` in the problem the outcome "
            "is unknown: ask GET /jobs/{job_id} first.",
        ),
        ProblemKind(
            "storage.unavailable",
            503,
            "ClickHouse does not answer, or does not have it yet",
            "Try again after `Retry-After` seconds; nothing is lost.",
        ),
        ProblemKind(
            "events.lagging",
            503,
            "This process has not read the newest events yet",
            "Try again after `Retry-After` seconds; nothing is lost.",
        ),
        ProblemKind(
            "registry_unavailable",
            503,
            "The schema registry does not answer",
            "Try again after `Retry-After` seconds.",
        ),
        ProblemKind(
            "unavailable",
            503,
            "A part that is needed does not answer",
            "Try again after `Retry-After` seconds; GET /health/detailed says which part.",
        ),
        ProblemKind(
            "internal",
            500,
            "Something is wrong on our side",
            "Try again; if it stays, report it with its `request_id`.",
        ),
    )
}

CODES_OF_STATUSES = {
    400: "malformed_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


class MalformedRequestError(HTTPException):
    """The request cannot be read; its text says where."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class UncertainWriteError(LogUnavailableError):
    """The acknowledgement of a write was lost: it may be stored or not."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            "Kafka did not acknowledge in time, so it is not known whether the request was "
            f"stored: GET /jobs/{job_id} tells as soon as Kafka is back; with 404, send it again"
        )
        self.job_id = job_id


def problem_fields(error: ScrapestreamError, links: Links) -> dict[str, Any]:
    """The members of a problem that ``error`` alone gives: for one of many items."""
    kind = KINDS.get(error.code, KINDS["invalid_request"])
    return {
        "type": links.problem(kind.code),
        "title": kind.title,
        "status": kind.status,
        "detail": str(error),
        "code": kind.code,
    }


def problem_response(request: Request, error: Exception, links: Links) -> Response:
    """What the client gets for ``error``. Unexpected ones are logged and keep their text."""
    kind, detail, headers, more = _explained(error, request)
    if kind.status == 500:
        log.error("request failed", exc_info=error, extra={"path": request.url.path})
    body = {
        "type": links.problem(kind.code),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request.url.path,
        "code": kind.code,
        "request_id": correlation_id.get(),
        **more,
    }
    return Response(
        msgspec.json.encode(body), status_code=kind.status, headers=headers, media_type=MEDIA_TYPE
    )


def _explained(
    error: Exception, request: Request
) -> tuple[ProblemKind, str, dict[str, str], dict[str, Any]]:
    """Kind, detail, headers and extension members."""
    more: dict[str, Any]
    match error:
        case UnavailableError():
            kind = KINDS.get(error.code, KINDS["unavailable"])
            more = {"job_id": error.job_id} if isinstance(error, UncertainWriteError) else {}
            if isinstance(error, UncertainBatchError) and error.batch_id:
                more = {"batch_id": error.batch_id}
            return kind, str(error), {"Retry-After": str(error.retry_after_s)}, more
        case InvalidRequestError():
            more = {"errors": error.errors} if isinstance(error, AllRefusedError) else {}
            return KINDS.get(error.code, KINDS["invalid_request"]), str(error), {}, more
        case ScrapestreamError() if error.code in KINDS and KINDS[error.code].status < 500:
            return KINDS[error.code], str(error), {}, {}
        case HTTPException():
            return _http(error, request)
        case _:
            return KINDS["internal"], "the request could not be handled", {}, {}


def _http(
    error: HTTPException, request: Request
) -> tuple[ProblemKind, str, dict[str, str], dict[str, Any]]:
    kind = KINDS[CODES_OF_STATUSES.get(error.status_code, "internal")]
    headers = dict(error.headers or {})
    detail = error.detail
    match error.status_code:
        case 404:
            detail = f"there is no path {request.url.path}"
        case 405:
            allowed = ", ".join(sorted(headers.get("Allow", "").split(", ")))
            headers["Allow"] = allowed
            detail = f"{request.method} is not possible here; possible are {allowed}"
        case _:
            pass
    return kind, detail, headers, {}
