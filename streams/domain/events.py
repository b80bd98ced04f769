"""Job events: what happened to a scrape. Names and fields are storage: add, never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Fact = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where the customer wants to be told."""

    url: str
    secret: str | None = None
    """Encrypted; readable only with the settings' ``secret_key``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsSpan:
    """Where a job's items lie in ``scraped-items``."""

    partition: int
    first: int
    """Offset of the first item."""
    end: int
    """Offset after the last item."""

    def joined(self, other: ItemsSpan | None) -> ItemsSpan:
        """The span that covers both."""
        if other is None:
            return self
        return ItemsSpan(
            partition=self.partition,
            first=min(self.first, other.first),
            end=max(self.end, other.end),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeRequested:
    """A client wants a URL scraped."""

    kind: str
    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    webhook: Webhook | None = None
    priority: str = "normal"
    max_attempts: int = 3
    attempt_timeout_s: float = 3600.0
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_fingerprint: str = ""
    """Of the request's content, when its client gave an idempotency key; else empty."""
    not_before: datetime | None = None
    """When the first attempt is due; None: at once."""
    expires_at: datetime | None = None
    """A job that no worker has started by then fails with ``job.expired``."""
    batch_id: str = ""
    """Of the call that asked for many jobs at once; else empty."""
    retry_of: str = ""
    """The ended job that this one tries again; else empty."""
    cloned_from: str = ""
    """The job whose request this one repeats; else empty."""
    monitor_id: str = ""
    """The monitor that it is a run of; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """A client does not want the job any more."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptScheduled:
    """A worker should take the job from ``due_at`` on."""

    attempt: int
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worker has claimed the attempt; the first claim in the log wins."""

    attempt: int
    worker: str
    lease_s: float
    """Silence after which the attempt counts as lost, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDescribed:
    """The page said what it is and how many items it announces."""

    attempt: int
    worker: str
    title: str
    items_total: int | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReported:
    """The attempt lives and stands here; renews its lease."""

    attempt: int
    worker: str
    stage: str
    items_seen: int
    items: ItemsSpan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionReported:
    """How the attempt read its items, at its end; says nothing of how it ended."""

    attempt: int
    worker: str
    selectors: Mapping[str, int] = field(default_factory=dict)
    """Values read by ``"FIELD SELECTOR"``: which of the known selectors served."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """New items by where their values come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSucceeded:
    """The scrape came to its end; all its items are in the log."""

    attempt: int
    worker: str
    outcome: str
    items_count: int
    items: ItemsSpan | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """The worker gave up. The items it had emitted stay valid."""

    attempt: int
    worker: str
    reason: str
    message: str
    may_retry: bool
    items_count: int = 0
    items: ItemsSpan | None = None
    retry_after_s: float | None = None
    """Earliest next try that the site asks for, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStopped:
    """The worker stopped because it was told to, or because the site needs a pause."""

    attempt: int
    worker: str
    reason: str
    items_count: int = 0
    items: ItemsSpan | None = None
    retry_after_s: float | None = None
    """Earliest next try, seconds after the stop; None: at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReleased:
    """The worker stops, and hands the attempt back unfinished: another may go on at once."""

    attempt: int
    worker: str
    reason: str
    items_count: int = 0
    items: ItemsSpan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost:
    """Nothing was heard of the attempt for its lease, or it ran past its time."""

    attempt: int
    worker: str
    reason: str = "worker.lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closing:
    """What each last event of a job says, so that its readers need no other event."""

    kind: str
    url: str
    requested_at: datetime
    attempt: int
    items_count: int
    items: ItemsSpan | None = None
    webhook: Webhook | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    batch_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeCompleted(_Closing):
    """The job ended with a result; ``outcome`` says whether it is whole."""

    outcome: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFailed(_Closing):
    """The job ended without a result."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeCancelled(_Closing):
    """The job ended because a client asked for it."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsStored:
    """The items of an ended job stand in the result storage, as one file."""

    key: str
    """Below the storage's address: ``YYYY/MM/DD/JOB_ID.json.gz``."""
    size_bytes: int
    rows: int
    """Items in the file, each once."""
    sha256: str
    """Of the file's bytes, in hexadecimal digits."""


Request = ScrapeRequested | CancelRequested
Report = (
    AttemptStarted
    | TargetDescribed
    | ProgressReported
    | ExtractionReported
    | AttemptSucceeded
    | AttemptFailed
    | AttemptStopped
    | AttemptReleased
)
Ending = ScrapeCompleted | ScrapeFailed | ScrapeCancelled
Decision = AttemptScheduled | AttemptLost | Ending
Storing = ResultsStored
JobEvent = Request | Report | Decision | Storing


class Author(StrEnum):
    """Who may append an event."""

    API = "api"
    WORKER = "worker"
    ORCHESTRATOR = "orchestrator"
    MATERIALIZER = "materializer"


AUTHORS: Mapping[type[JobEvent], Author] = {
    ScrapeRequested: Author.API,
    CancelRequested: Author.API,
    AttemptStarted: Author.WORKER,
    TargetDescribed: Author.WORKER,
    ProgressReported: Author.WORKER,
    ExtractionReported: Author.WORKER,
    AttemptSucceeded: Author.WORKER,
    AttemptFailed: Author.WORKER,
    AttemptStopped: Author.WORKER,
    AttemptReleased: Author.WORKER,
    AttemptScheduled: Author.ORCHESTRATOR,
    AttemptLost: Author.ORCHESTRATOR,
    ScrapeCompleted: Author.ORCHESTRATOR,
    ScrapeFailed: Author.ORCHESTRATOR,
    ScrapeCancelled: Author.ORCHESTRATOR,
    ResultsStored: Author.MATERIALIZER,
}
"""The single-writer rule as data. A test compares it with what each role appends."""


def author_of(event: JobEvent) -> Author:
    """The one role that may have appended ``event``: a monitor's runs are the scheduler's."""
    if isinstance(event, ScrapeRequested) and event.monitor_id:
        return Author.ORCHESTRATOR
    return AUTHORS[type(event)]
