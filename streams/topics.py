"""Every topic, with its settings, in one place: set-up, docs and tests read this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.catalog import Schema, all_schemas, schemas_in

DAY_MS = 86_400_000
FOR_EVER = -1

PARTITIONS = 24  # for ever: another count would break the order of keys
TASK_PARTITIONS = 96
"""Of each task topic: so many workers can work side by side. May grow: tasks need no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic."""

    name: str
    key: str
    """What its records are keyed by."""
    retention_ms: int
    """How long records are kept, milliseconds; -1 for ever."""
    follows_setting: bool = False
    """Whether ``event_retention_days`` shortens it."""
    schemas: tuple[Schema, ...] = ()
    """Records that it holds; none for original bytes."""
    partitions: int = PARTITIONS
    may_grow: bool = False
    """Whether partitions may be added: its records need no order."""
    doc: str

    def kept_ms(self, event_retention_days: int) -> int:
        """How long its records are kept with this setting, milliseconds; -1 for ever."""
        is_shorter = self.follows_setting and event_retention_days
        return event_retention_days * DAY_MS if is_shorter else self.retention_ms


JOB_EVENTS = "job-events"
SCRAPED_ITEMS = "scraped-items"
TASKS = {priority: f"scrape-tasks-{priority}" for priority in ("high", "normal", "low")}
WORKER_CONTROL = "worker-control"
WORKER_HEARTBEATS = "worker-heartbeats"
WEBHOOK_EVENTS = "webhook-events"
REPLAY_EVENTS = "replay-events"
PLACE_EVENTS = "place-events"
MONITOR_EVENTS = "monitor-events"
WEBHOOK_DLQ = "webhook-dlq"
SCRAPE_DLQ = "scrape-dlq"
ERASURE_EVENTS = "erasure-events"

WORKERS_GROUP = "workers"  # the consumer group that shares the tasks


def all_topics() -> tuple[Topic, ...]:
    """Every topic that ``scrapestream topics`` creates."""
    return (
        Topic(
            name=JOB_EVENTS,
            key="job_id",
            retention_ms=FOR_EVER,
            follows_setting=True,
            schemas=schemas_in("job"),
            doc="What happened to jobs: the source of truth.",
        ),
        Topic(
            name=SCRAPED_ITEMS,
            key="job_id",
            retention_ms=FOR_EVER,
            follows_setting=True,
            schemas=schemas_in("items"),
            doc="One record an item.",
        ),
        *(
            Topic(
                name=name,
                key="job_id",
                retention_ms=7 * DAY_MS,
                schemas=(all_schemas()["ScrapeTask"],),
                partitions=TASK_PARTITIONS,
                may_grow=True,
                doc=f"Attempts for workers to take, {priority} priority.",
            )
            for priority, name in TASKS.items()
        ),
        Topic(
            name=WORKER_CONTROL,
            key="worker",
            retention_ms=DAY_MS // 24,
            schemas=(all_schemas()["StopAttempt"], all_schemas()["DrainWorker"]),
            partitions=1,  # each worker reads all of it, and orders are few
            doc="Orders to workers.",
        ),
        Topic(
            name=WORKER_HEARTBEATS,
            key="worker",
            retention_ms=DAY_MS // 24,
            schemas=(all_schemas()["WorkerReported"],),
            partitions=1,  # each orchestrator and API process reads all of it
            doc="What workers say of themselves: slots, jobs, partitions.",
        ),
        Topic(
            name=WEBHOOK_EVENTS,
            key="delivery_id",
            retention_ms=FOR_EVER,
            follows_setting=True,
            schemas=schemas_in("webhook"),
            doc="What happened to webhook deliveries.",
        ),
        Topic(
            name=REPLAY_EVENTS,
            key="replay_id",
            retention_ms=90 * DAY_MS,
            schemas=schemas_in("replay"),
            partitions=1,  # one after the other, in the order in which they were asked for
            doc="What happened to replays that were asked for over the API.",
        ),
        Topic(
            name=PLACE_EVENTS,
            key="place_id",
            retention_ms=FOR_EVER,
            follows_setting=True,
            schemas=schemas_in("place"),
            doc="What scrapes of a place tell: its reviews, and what changed.",
        ),
        Topic(
            name=MONITOR_EVENTS,
            key="monitor_id",
            retention_ms=FOR_EVER,  # whatever the setting: a monitor is the fold of all of them
            schemas=schemas_in("monitor"),
            doc="What became of monitors: their schedules, changes and runs.",
        ),
        Topic(
            name=WEBHOOK_DLQ,
            key="the original key",
            retention_ms=FOR_EVER,
            partitions=1,
            doc="Deliveries that no try is left for.",
        ),
        Topic(
            name=SCRAPE_DLQ,
            key="the original key",
            retention_ms=FOR_EVER,
            partitions=1,
            doc="Records that cannot be read.",
        ),
        Topic(
            name=ERASURE_EVENTS,
            key="erasure_id",
            retention_ms=FOR_EVER,  # whoever replays the log in years must know of them
            schemas=schemas_in("erasure"),
            partitions=1,  # each process reads all of it, in its order
            doc="What must be forgotten: readers of the other topics leave it out.",
        ),
    )


def topic_schemas() -> Mapping[str, tuple[Schema, ...]]:
    """The schemas of each topic that has some."""
    return {topic.name: topic.schemas for topic in all_topics() if topic.schemas}
