"""``Idempotency-Key``: the same request sent again is the same job, at every process.

The job's id follows from the key, so no process has to remember keys: the log does. Of two
requests that race, the first in the log is the job (``evolve`` ignores the second), and both
clients are told what that means for them.
"""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec
from starlette.requests import Request

from api.parts import Api
from api.problems import MalformedRequestError
from api.refusals import ViewBehindError
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.errors import IdempotencyKeyReusedError, UnknownJobError

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
READ_BACK_S = 2.0


def key_in(request: Request) -> str | None:
    """The request's key; None when it has none.

    Raises:
        MalformedRequestError: it is no key.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    key = given.strip().strip('"')  # the draft of the standard writes it as a quoted string
    if not KEY.fullmatch(key):
        raise MalformedRequestError(
            f"`{HEADER}` must be 1 to 255 visible ASCII characters, such as a UUID"
        )
    return key


def fingerprint(asked: msgspec.Struct, secret_key: str) -> str:
    """Tells requests apart. Keyed, so that a webhook secret cannot be guessed from it."""
    content = msgspec.json.encode(asked, order="sorted")
    return hmac.new(secret_key.encode(), content, hashlib.sha256).hexdigest()


async def known_job(api: Api, job_id: str, mark: str) -> Job | None:
    """The job that the same request has made already; None when there is none yet.

    Raises:
        IdempotencyKeyReusedError: the key belongs to another request.
        UnavailableError: whether there is one cannot be said now; ask again.
    """
    try:
        job = await api.jobs.find(job_id)
    except UnknownJobError:
        return None
    return _same(job, mark)


async def winner(api: Api, recorded: Recorded, mark: str) -> Job:
    """The job after ours was appended: ours, or that of the same request at another process.

    Raises:
        IdempotencyKeyReusedError: another request with this key came first.
        ViewBehindError: stored, but not read back yet; the same request again tells.
    """
    ends = {recorded.partition: recorded.offset + 1}
    if not await api.parts.live.has_read(ends, READ_BACK_S):
        raise ViewBehindError("stored, but not read back yet: send it again with the same key")
    return _same(await api.jobs.find(recorded.job_id), mark)


def _same(job: Job, mark: str) -> Job:
    if not hmac.compare_digest(job.request_fingerprint, mark):
        raise IdempotencyKeyReusedError
    return job
