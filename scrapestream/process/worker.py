"""The worker: takes tasks and scrapes."""

from __future__ import annotations

from collections.abc import Mapping

from scrapers.access_metrics import AccessMetrics
from scrapers.browser import Browser
from scrapers.contract import Scraper
from scrapers.known_items import KnownItems
from scrapers.metrics import WorkerMetrics
from scrapers.orders import follow_orders
from scrapers.proxies import routes_of
from scrapers.registry import all_scrapers
from scrapers.site_gate import SiteGate
from scrapers.worker import Worker
from scrapestream import __version__
from scrapestream.wiring import Readiness, open_log, worker_name
from streams.adapters.kafka_group import open_group_reader
from streams.adapters.kafka_reader import open_reader
from streams.errors import InvalidSettingError
from streams.personal_keys import PersonalKeys
from streams.ports import TopicPartition
from streams.role_server import role_server
from streams.settings import Settings
from streams.topics import TASKS, WORKERS_GROUP


async def run(settings: Settings) -> None:
    """Run until cancelled; attempts that do not end in time are handed back."""
    readiness = Readiness()
    name = worker_name(settings)
    routes_of(settings)  # what cannot be used stops the process, not its first job
    if settings.encrypt_personal:
        PersonalKeys(settings).check()
    access_metrics = AccessMetrics(readiness.registry)
    async with (
        open_log(settings, "worker") as parts,
        open_reader(settings, f"{name}-orders") as orders,
        open_reader(settings, f"{name}-known", wait_ms=20) as known_reader,
    ):
        worker = Worker(
            settings,
            name,
            scrapers_of(settings),
            parts.records,
            parts.event_log,
            KnownItems(known_reader, parts.records),
            lambda: Browser.start(settings, access_metrics),
            WorkerMetrics(readiness.registry, all_scrapers().values()),
            gate=SiteGate(settings, access_metrics),
            version=__version__,
        )

        async def assigned(partitions: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
            worker.moved()
            return {}

        await follow_orders(orders)  # before the first task: no order may be missed
        async with (
            open_group_reader(
                settings,
                list(TASKS.values()),
                group=WORKERS_GROUP,
                client_id=name,
                instance_id=settings.instance_id,
                on_assigned=assigned,
                same_numbers=True,
            ) as tasks,
            role_server(settings.metrics_port, lambda: bool(tasks.assigned()), readiness.registry),
        ):
            await worker.run(tasks, orders)


def scrapers_of(settings: Settings) -> Mapping[str, Scraper]:
    """The kinds that a worker takes.

    Raises:
        InvalidSettingError: ``worker_kinds`` names one that there is not.
    """
    known = all_scrapers()
    for kind in settings.worker_kinds:
        if kind not in known:
            raise InvalidSettingError(
                f"SCRAPESTREAM_WORKER_KINDS: there is no kind {kind!r}; known: {', '.join(known)}"
            )
    return {kind: known[kind] for kind in settings.worker_kinds or known}
