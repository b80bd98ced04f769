"""What the core needs from the world. Adapters implement it; tests use the twins in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.ids import JobId
from streams.domain.items import NewItem, Position
from streams.domain.job import Job, Status
from streams.domain.monitor_events import RecordedMonitor
from streams.domain.place import RecordedPlaceEvent
from streams.domain.recorded import NewEvent, Recorded
from streams.domain.replays import RecordedReplay
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.domain.webhook import RecordedDelivery

Headers = Sequence[tuple[str, bytes]]
TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """Bytes for a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    """None: by the key."""


class RawRecord(NamedTuple):
    """Bytes from a topic. A tuple, as there are very many of them: a third of the time to make."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class RecordWriter(Protocol):
    """Appends records to topics."""

    async def send(self, records: Sequence[NewRecord]) -> Sequence[Position]:
        """Store ``records``; those of one key keep their order. Returns once all are durable.

        Raises:
            LogUnavailableError: not all were acknowledged in time; send all again.
        """


class RecordReader(Protocol):
    """Reads assigned partitions, each from where it stands."""

    async def read(self, *, timeout_s: float, most: int = 5_000) -> Sequence[RawRecord]:
        """The next records, at least one if any comes in time; in order within a partition."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition, asked from the broker.

        Raises:
            LogUnavailableError: the broker does not answer; ask again.
        """


class EventLog(Protocol):
    """Everything that we append, typed. Each call returns once its records are durable.

    Each raises LogUnavailableError when the broker did not acknowledge in time; call again,
    ids are deterministic.
    """

    async def append(self, events: Sequence[NewEvent]) -> Sequence[Position]:
        """Append job events; keeps their order within a job."""

    async def append_items(self, items: Sequence[NewItem]) -> Sequence[Position]:
        """Append scraped items.

        Raises:
            InvalidItemError: an item does not fit its schema; none was appended.
        """

    async def enqueue(self, tasks: Sequence[tuple[ScrapeTask, int | None]]) -> Sequence[Position]:
        """Offer each task to the worker that reads its partition; None: that of the job's key."""

    async def order(self, order: StopAttempt | DrainWorker) -> None:
        """Tell a worker to stop an attempt, or to take no more."""

    async def report(self, report: WorkerReported) -> None:
        """Say how a worker is."""

    async def append_delivery(self, delivery: RecordedDelivery) -> None:
        """Append a webhook delivery's event."""

    async def append_replay(self, new: RecordedReplay) -> None:
        """Append a replay's event."""

    async def append_place_events(self, events: Sequence[RecordedPlaceEvent]) -> Sequence[Position]:
        """Append what scrapes of places tell; keeps their order within a place."""

    async def append_monitor(self, event: RecordedMonitor) -> Position:
        """Append a monitor's event."""

    async def reject(self, raw: RawRecord, reason: str, *, to: str, error: str = ...) -> None:
        """Put a record that cannot be processed into the dead-letter topic ``to``.

        ``error`` is its class, one of ``streams.dead_letters.ERRORS``; by default unreadable.
        """

    async def put(self, records: Sequence[NewRecord]) -> None:
        """Append records as they are: dead letters that go back, and what became of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedItems:
    """Items of a job in the order of their page, small in memory."""

    parts: Callable[[], Iterator[Sequence[Mapping[str, Any]]]]
    """Decodes them, a list after the other. Takes some milliseconds a list."""
    count: int
    size_bytes: int
    """As they are now, packed; 0: not known."""
    next_after: tuple[int, str] | None
    """Where to go on; None when these were the last. Behind it there may be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """Some items of a job, in the order in which they stood on the page."""

    items: Sequence[Mapping[str, Any]]
    next_after: tuple[int, str] | None
    """(position, item id) to ask the next page with; None at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs to list, newest first."""

    statuses: frozenset[Status] = frozenset()
    """Empty: all."""
    before: tuple[datetime, str] | None = None
    """(created_at, job_id) of the last job that the reader has."""
    limit: int = 50
    tenant: str = "public"
    kind: str = ""
    """Empty: all; so with the two that follow."""
    url_prefix: str = ""
    batch_id: str = ""
    monitor_id: str = ""
    created_from: datetime | None = None
    created_before: datetime | None = None

    def takes(self, job: Job) -> bool:
        """Whether ``job`` is one of them."""
        return (
            job.tenant == self.tenant
            and (not self.statuses or job.status in self.statuses)
            and (not self.kind or job.kind == self.kind)
            and job.url.startswith(self.url_prefix)
            and (not self.batch_id or job.batch_id == self.batch_id)
            and (not self.monitor_id or job.monitor_id == self.monitor_id)
            and (self.created_from is None or job.created_at >= self.created_from)
            and (self.created_before is None or job.created_at < self.created_before)
            and (self.before is None or (job.created_at, job.job_id) < self.before)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOfBatch:
    """As much of a job as counting a batch needs."""

    job_id: JobId
    status: Status
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderListing:
    """What lies right below a prefix of result files."""

    folders: Sequence[str]
    """Prefixes, without a slash at the end."""
    keys: Sequence[str]


class ResultFiles(Protocol):
    """Where files of results lie, by key (see ``streams.domain.results``).

    Whoever erases a job deletes ``job.results.key``; whoever erases parts of it writes the
    file anew, after the store has lost them, with ``streams.results.ResultsWriter.write``.
    Links given before work until they expire, and give what then stands under the key.

    Each method raises ResultsUnavailableError when the storage does not do it.
    """

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Store a file, durably and as a whole: readers see all of it, or what was there before.

        What ``pieces`` raises is raised, and nothing is stored then.
        """

    async def find_size(self, key: str) -> int | None:
        """The file's length in bytes; None when there is none."""

    async def read(self, key: str) -> AsyncIterator[bytes] | None:
        """The file's bytes; None when there is none."""

    async def make_link(self, key: str) -> str | None:
        """A URL by which anybody may fetch the file for a while; None: this storage has none."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""

    async def list_below(self, prefix: str) -> FolderListing:
        """What lies right below ``prefix``; empty: at the top."""

    async def ping(self) -> None:
        """Return when the storage answers."""


class JobStore(Protocol):
    """The read side: what the materializer has stored. Behind the log by less than a second.

    Each method raises StoreUnavailableError when the store does not answer.
    """

    async def find_job(self, job_id: JobId) -> Job | None:
        """The job as stored."""

    async def find_jobs(self, query: JobQuery) -> Sequence[Job]:
        """Stored jobs, newest first."""

    async def find_many(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """The stored jobs among ``job_ids``."""

    async def find_batch(self, batch_id: str) -> Sequence[JobOfBatch]:
        """Every stored job of a batch."""

    async def open_jobs(self) -> Sequence[Job]:
        """Every stored job that has not ended."""

    async def recent_durations_s(self, kind: str, most: int = 50) -> Sequence[float]:
        """How long the newest completed jobs of ``kind`` took, seconds, newest first."""

    async def stored_ends(self, topic: str) -> Mapping[int, int]:
        """For each partition of ``topic``, the offset up to which all records are stored."""

    async def read_events(
        self, job_id: JobId, *, after: int = -1, before: int | None = None
    ) -> Sequence[Recorded]:
        """Stored events of a job with ``after < offset < before``, in the order of the log."""

    async def read_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> ItemPage:
        """A page of a job's items, each once."""

    async def read_packed_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> PackedItems:
        """As ``read_items``, for very many: they are decoded a part at a time."""

    async def count_items(self, job_id: JobId) -> int:
        """How many items of a job are stored, each once."""

    async def newest_item_ids(
        self, job_ids: Sequence[JobId], field: str, most: int
    ) -> Sequence[str]:
        """Ids of the jobs' items (their ``field``), the last published first, each once."""

    async def has_items(self, job_id: JobId, end: int) -> bool:
        """Whether the job's items are stored up to the log's offset ``end``."""

    async def ping(self) -> None:
        """Return when the store answers."""
