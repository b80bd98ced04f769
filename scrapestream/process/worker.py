"""The worker: takes tasks and scrapes."""

from __future__ import annotations

from scrapers.access_metrics import AccessMetrics
from scrapers.browser import Browser
from scrapers.known_items import KnownItems
from scrapers.proxies import routes_of
from scrapers.registry import all_scrapers
from scrapers.site_gate import SiteGate
from scrapers.worker import Worker, follow_orders
from scrapestream.wiring import Readiness, open_log, worker_name
from streams.adapters.kafka_reader import open_group_reader, open_reader
from streams.role_server import role_server
from streams.settings import Settings
from streams.topics import TASKS, WORKERS_GROUP


async def run(settings: Settings) -> None:
    """Run until cancelled; running attempts are handed back."""
    readiness = Readiness()
    name = worker_name(settings)
    routes_of(settings)  # what cannot be used stops the process, not its first job
    metrics = AccessMetrics(readiness.registry)
    async with (
        open_log(settings, "worker") as parts,
        open_reader(settings, f"{name}-orders") as orders,
        open_reader(settings, f"{name}-known", wait_ms=20) as known_reader,
    ):
        worker = Worker(
            settings,
            name,
            all_scrapers(),
            parts.records,
            parts.event_log,
            KnownItems(known_reader, parts.records),
            lambda: Browser.start(settings, metrics),
            SiteGate(settings, metrics),
        )
        await follow_orders(orders)  # before the first task: no order may be missed
        async with (
            open_group_reader(
                settings,
                list(TASKS.values()),
                group=WORKERS_GROUP,
                client_id=name,
                instance_id=settings.instance_id,
            ) as tasks,
            role_server(settings.metrics_port, lambda: bool(tasks.assigned()), readiness.registry),
        ):
            await worker.run(tasks, orders)
