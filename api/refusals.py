"""Refusals of calls that are about many jobs, or about a job's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.errors import InvalidRequestError, LogUnavailableError, UnavailableError


class UncertainBatchError(LogUnavailableError):
    """The acknowledgement of a batch was lost: its jobs may be stored, all, some or none."""

    def __init__(self, batch_id: str | None) -> None:
        unknown = "Kafka did not acknowledge in time, so it is not known how much was stored: "
        super().__init__(
            f"{unknown}send the same request again; what was stored is not stored twice"
            if batch_id is None
            else f"{unknown}GET /batches/{batch_id} tells as soon as Kafka is back. With an "
            "`Idempotency-Key`, send it again: what is missing is stored then, and nothing twice"
        )
        self.batch_id = batch_id


class ViewBehindError(UnavailableError):
    """The live view has not read far enough to answer; ask again."""

    code = "events.lagging"


class QueueFullError(UnavailableError):
    """There is no room for the job now; its text says how many are open."""

    code = "queue_full"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ConflictError(InvalidRequestError):
    """The job's state does not allow it; ``code`` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class AllRefusedError(InvalidRequestError):
    """No request of a batch can work."""

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("none of the requests can work; `errors` says why, one by one")
        self.errors = errors
