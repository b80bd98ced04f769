"""What a client may ask of monitors: the bodies, what they must hold, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.links import Links
from api.submission import (
    Attempts,
    Bounded,
    Seconds,
    Submission,
    checked_kind,
    scrape_requested,
)
from streams.catalogue import Catalogue, Kind
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.monitor import Monitor, Run
from streams.domain.monitor_events import MonitorChanged, MonitorCreated
from streams.domain.monitor_schedule import next_due_at
from streams.domain.period import period_s, period_text
from streams.errors import InvalidRequestError
from streams.known_items import KNOWN, WISH, wants_known_ids
from streams.settings import Settings

LONGEST_EVERY_S = 366 * 86_400
FULL_EVERY = 10
ONLY_NEW = {"sort": "newest", WISH: "true"}

Label = Annotated[str, msgspec.Meta(max_length=200)]
Turns = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Priority = Literal["high", "normal", "low"]


class Wish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of ``POST /monitors``: that of ``POST /scrape``, and when."""

    url: str
    every: str
    name: Label = ""
    full_every: Turns = FULL_EVERY
    webhook_url: str | None = None
    webhook_secret: str | None = None
    priority: Priority = "normal"
    options: Bounded = {}
    metadata: Bounded = {}
    max_attempts: Attempts | None = None
    timeout_s: Seconds | None = None


class Change(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of ``PATCH /monitors/{id}``: what is not given stays."""

    every: str | UnsetType = UNSET
    name: Label | UnsetType = UNSET
    full_every: Turns | UnsetType = UNSET
    webhook_url: str | UnsetType | None = UNSET
    """None: nobody is told any more."""
    webhook_secret: str | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    options: Bounded | UnsetType = UNSET
    metadata: Bounded | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class RunNow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of ``POST /monitors/{id}/run``; it may be left out."""

    full: bool = False


class Rules:
    """What a monitor must keep to."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        check_webhook: Callable[[str], None],
        seal: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._check_webhook = check_webhook
        self._seal = seal

    def created(self, wish: Wish, mark: str) -> MonitorCreated:
        """The event of a wish that can work.

        Raises:
            UnknownScraperError: no scraper accepts its URL.
            InvalidRequestError: something in it can never work; says what.
        """
        every_s = self._every_s(wish.every)
        asked = Submission(
            url=wish.url,
            webhook_url=wish.webhook_url,
            webhook_secret=wish.webhook_secret,
            priority=wish.priority,
            options=wish.options,
            metadata=wish.metadata,
            max_attempts=wish.max_attempts,
            timeout_s=wish.timeout_s,
        )
        kind = self._checked(asked)
        asked = msgspec.structs.replace(asked, options=_only_new(asked.options, kind))
        run = scrape_requested(asked, kind, self._settings, self._seal)
        return MonitorCreated(
            kind=run.kind,
            url=run.url,
            every_s=every_s,
            full_every=wish.full_every,
            name=wish.name,
            options=run.options,
            webhook=run.webhook,
            priority=run.priority,
            max_attempts=run.max_attempts,
            attempt_timeout_s=run.attempt_timeout_s,
            metadata=run.metadata,
            request_fingerprint=mark,
        )

    def changed(self, change: Change, monitor: Monitor) -> MonitorChanged | None:
        """The event of a change; None when it changes nothing but ``paused``. Raises as above."""
        given = {
            name: value
            for name in ("name", "full_every", "priority", "options", "metadata")
            if (value := getattr(change, name)) is not UNSET
        }
        if change.every is not UNSET:
            given["every_s"] = self._every_s(change.every)
        secret = None if change.webhook_secret is UNSET else change.webhook_secret
        hook = None if change.webhook_url is UNSET else change.webhook_url
        asked = Submission(
            url=monitor.url,
            webhook_url=hook,
            webhook_secret=secret,
            options=dict(monitor.options) if change.options is UNSET else change.options,
        )
        kind = self._checked(asked)
        if hook is not None:
            given["webhook"] = scrape_requested(asked, kind, self._settings, self._seal).webhook
        elif change.webhook_url is None:
            given["without_webhook"] = True
        return MonitorChanged(**given) if given else None

    def _every_s(self, text: str) -> int:
        try:
            every_s = period_s(text)
        except ValueError as error:
            raise InvalidRequestError(f"`every` {error}") from None
        least_s = self._settings.monitor_min_every_s
        if every_s < max(1, least_s):
            raise InvalidRequestError(
                f"`every` must be at least {period_text(least_s)} "
                "(SCRAPESTREAM_MONITOR_MIN_EVERY_S)"
            )
        if every_s > LONGEST_EVERY_S:
            raise InvalidRequestError(f"`every` may be at most {period_text(LONGEST_EVERY_S)}")
        return every_s

    def _checked(self, asked: Submission) -> Kind:
        if KNOWN in asked.options:
            raise InvalidRequestError(
                f"a monitor finds out what is known before each run: send no `{KNOWN}`"
            )
        known = {KNOWN: "any"} if wants_known_ids(asked.options) else {}
        whole = msgspec.structs.replace(asked, options={**asked.options, **known})
        return checked_kind(whole, self._catalogue, self._check_webhook)


def _only_new(options: dict[str, str], kind: Kind) -> dict[str, str]:
    """With the wish to stop at known items, where the kind can and the client has no other."""
    if WISH in options:
        return options
    wished = {**ONLY_NEW, **options}
    try:
        kind.check_options({**wished, KNOWN: "any"})
    except InvalidRequestError:
        return options
    return wished


def monitor_payload(monitor: Monitor, jobs: Mapping[JobId, Job], links: Links) -> dict[str, Any]:
    """The contract's monitor; ``jobs``: those of its runs, as far as they are known."""
    return {
        "monitor_id": monitor.monitor_id,
        "name": monitor.name,
        "status": monitor.status,
        "kind": monitor.kind,
        "url": monitor.url,
        "every": period_text(monitor.every_s),
        "every_s": monitor.every_s,
        "full_every": monitor.full_every,
        "next_run_at": next_due_at(monitor),
        "options": monitor.options,
        "metadata": monitor.metadata,
        "priority": monitor.priority,
        "max_attempts": monitor.max_attempts,
        "timeout_s": monitor.attempt_timeout_s,
        "webhook_url": monitor.webhook.url if monitor.webhook else None,
        "created_at": monitor.created_at,
        "updated_at": monitor.updated_at,
        "runs_count": monitor.runs_count,
        "jobs_url": links.path(f"/monitors/{monitor.monitor_id}/jobs"),
        "runs": [_run_payload(run, jobs.get(JobId(run.job_id))) for run in monitor.runs],
    }


def _run_payload(run: Run, job: Job | None) -> dict[str, Any]:
    is_skipped = bool(run.open_job_id)
    return {
        "job_id": None if is_skipped else run.job_id,
        "trigger": run.trigger,
        "due_at": run.due_at,
        "at": run.at,
        "full": run.full,
        "skipped_for": run.open_job_id or None,
        "status": "skipped" if is_skipped else job.status if job else None,
        "outcome": job.outcome if job else None,
        "reviews_count": job.items_count if job else None,
        "completed_at": job.completed_at if job else None,
    }
