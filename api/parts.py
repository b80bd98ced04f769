"""What the API is made of: what the wiring hands in, and what is built from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from api.batch_finding import BatchFinder
from api.erasure_desk import ErasureDesk
from api.finding import JobFinder
from api.health import HealthBoard
from api.links import Links
from api.live_view import LiveView
from api.metrics import ApiMetrics
from api.monitor_view import MonitorView
from api.queue_view import QueueView
from api.sse import OpenStreams
from streams.catalogue import Catalogue
from streams.dead_letter_box import DeadLetterBox
from streams.domain.erasure import Erasures
from streams.domain.fleet import Fleet
from streams.equal_timeouts import EqualTimeouts
from streams.place_queries import PlaceReader
from streams.ports import EventLog, JobStore, ResultFiles
from streams.replay_board import ReplayBoard
from streams.sealed_fields import DataKey
from streams.sealing import Sealer
from streams.settings import Settings

APPEND_WITHIN_S = 5.0
"""For the one event of a request: its client waits."""


class KeySource(Protocol):
    """Keys of encrypted reviews; ``streams.personal_keys`` has them."""

    async def fetch(self, key_id: str) -> DataKey | None:
        """The key; None when there is none, or none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the wiring hands in."""

    settings: Settings
    """With ``api_port`` as it is really bound; see ``api.server.open_socket``."""
    event_log: EventLog
    store: JobStore
    live: LiveView
    monitors: MonitorView
    catalogue: Catalogue
    sealer: Sealer
    checks: Mapping[str, Callable[[], Awaitable[None]]]
    """``kafka`` and ``clickhouse``, and others that ``/health`` should show; each raises
    UnavailableError."""
    live_workers: Callable[[], Awaitable[int]]
    """Workers that are connected; raises UnavailableError."""
    dead_letters: DeadLetterBox
    replays: ReplayBoard
    check_webhook: Callable[[str], None]
    """Raises InvalidRequestError for an address that webhooks may not go to."""
    fleet: Fleet = field(default_factory=Fleet)
    """The workers, as they say of themselves."""
    follow_fleet: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Keeps ``fleet`` as it is in the log; runs while the API serves."""
    tenant_weight: Callable[[str], float] = lambda _: 1.0
    """A tenant's share of the workers, as the orchestrators know it."""
    erasures: Erasures = field(default_factory=Erasures)
    """What must be forgotten."""
    keys: KeySource | None = None
    """The keys of encrypted reviews."""
    erasure_desk: ErasureDesk | None = None
    """Takes erasures on; None: without ``/erasures``."""
    files: ResultFiles | None = None
    """Where results are kept as files; None: they are not."""
    places: PlaceReader | None = None
    """None: without ``/places``."""
    disk_path: Path = Path()
    """The disk whose use ``/health/detailed`` shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the routes work with."""

    parts: ApiParts
    links: Links
    jobs: JobFinder
    batches: BatchFinder
    health: HealthBoard
    metrics: ApiMetrics
    streams: OpenStreams
    queue: QueueView
    append_limits: EqualTimeouts = field(default_factory=lambda: EqualTimeouts(APPEND_WITHIN_S))
    """For appending the one event of a request."""


def assembled(parts: ApiParts) -> Api:
    """Build the rest."""
    live = parts.live
    queue = QueueView(live.memory, parts.fleet, live.durations, parts.tenant_weight)
    metrics = ApiMetrics(live, queue)
    live.add_observer(metrics)
    metrics.count_dead_letters(parts.dead_letters)
    return Api(
        parts=parts,
        links=Links(parts.settings),
        jobs=JobFinder(parts.live, parts.store),
        batches=BatchFinder(parts.live, parts.store),
        health=HealthBoard(parts.checks, parts.live_workers),
        metrics=metrics,
        streams=OpenStreams(metrics, queue),
        queue=queue,
    )
