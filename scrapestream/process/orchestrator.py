"""The orchestrator: decides what happens next to each job."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from scrapers.registry import all_scrapers
from scrapestream.wiring import Readiness, limits_of, open_broker_view, open_log, open_store_late
from streams.adapters.kafka_reader import open_reader
from streams.agents.earlier_runs import EarlierRuns
from streams.agents.faust_app import AgentApp, run_app
from streams.agents.insist import each, insisting, insisting_on_all
from streams.agents.orchestrator import Orchestrator
from streams.agents.past import Past
from streams.agents.scheduler import Scheduler
from streams.domain.dispatch import Dispatcher
from streams.fleet_reader import FleetReader
from streams.garbage import rare_garbage_collection
from streams.role_server import role_server
from streams.settings import Settings
from streams.topics import JOB_EVENTS, MONITOR_EVENTS

PAST_WAIT_MS = 20  # reading the past changes its partitions often


async def run(settings: Settings) -> None:
    """Run until cancelled."""
    readiness = Readiness()
    async with (
        open_log(settings, "orchestrator") as parts,
        open_reader(
            settings, "orchestrator-past", marks="orchestrator-open", wait_ms=PAST_WAIT_MS
        ) as past_reader,
        open_reader(
            settings, "orchestrator-monitors", marks="orchestrator-open", wait_ms=PAST_WAIT_MS
        ) as monitors_reader,
        open_broker_view(settings, "orchestrator") as broker,
        open_store_late(settings) as store,
        open_reader(settings, "orchestrator-fleet") as heartbeats,
        role_server(settings.metrics_port, readiness.is_ready, readiness.registry),
    ):
        orchestrator = Orchestrator(
            settings,
            parts.event_log,
            broker,
            Past(past_reader, JOB_EVENTS, parts.records.learn),
            parts.records.read_event,
            Dispatcher(limits_of(settings), salt=os.getpid()),
        )
        fleet = FleetReader(
            heartbeats,
            parts.records.learn,
            parts.records.read_report,
            orchestrator.dispatching.hear,
        )
        orchestrator.dispatching.silent_s = fleet.silent_s

        scheduler = Scheduler(
            parts.event_log,
            EarlierRuns(store, broker, {one.name: one.item_id for one in all_scrapers().values()}),
            Past(monitors_reader, MONITOR_EVENTS, parts.records.learn),
            parts.records.read_monitor,
        )

        _measure(scheduler, readiness.registry)

        async def sweep(assigned: Mapping[str, frozenset[int]]) -> None:
            await orchestrator.sweep(assigned[JOB_EVENTS])
            await scheduler.sweep(assigned[MONITOR_EVENTS])

        app = AgentApp(
            name="orchestrator",
            handlers={
                JOB_EVENTS: insisting_on_all(parts.records.learn, orchestrator.react_all),
                MONITOR_EVENTS: each(insisting(parts.records.learn, scheduler.react)),
            },
            sweep=sweep,
            has_batches=True,  # the sweep finds whatever a crash has left undone
        )
        following = asyncio.create_task(fleet.run())
        try:
            with rare_garbage_collection():  # the past is a million objects, and no cycles
                await run_app(settings, app, readiness.event)
        finally:
            following.cancel()
            await asyncio.wait([following])
            await orchestrator.close()
            await scheduler.close()


def _measure(scheduler: Scheduler, registry: CollectorRegistry) -> None:
    """Show what the scheduler looks after, and how late it is."""
    monitors = Gauge("monitors", "Monitors of this process.", registry=registry)
    monitors.set_function(scheduler.count)
    overdue = Gauge(
        "monitor_overdue_seconds",
        "Lateness of the run of a monitor that is due longest.",
        registry=registry,
    )
    overdue.set_function(scheduler.overdue_s)
