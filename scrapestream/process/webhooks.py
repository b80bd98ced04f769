"""The webhook agent: tells customers how their jobs ended."""

from __future__ import annotations

from collections.abc import Mapping

from scrapestream.wiring import Readiness, open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import open_reader
from streams.adapters.webhook_sender import WebhookSender
from streams.agents.deliveries import Deliveries, DeliveryParts
from streams.agents.faust_app import AgentApp, run_app
from streams.agents.insist import each, insisting
from streams.agents.open_deliveries import OpenDeliveries
from streams.agents.past import Past
from streams.agents.webhooks import schedule_delivery
from streams.ports import RawRecord
from streams.role_server import role_server
from streams.sealing import Sealer
from streams.settings import Settings
from streams.topics import JOB_EVENTS, WEBHOOK_EVENTS

PAST_WAIT_MS = 20  # reading the past changes its partitions often


async def run(settings: Settings) -> None:
    """Run until cancelled."""
    readiness = Readiness()
    sealer = Sealer(settings.secret_key)
    async with (
        open_log(settings, "webhooks") as log,
        open_reader(
            settings, "webhooks-past", marks="webhooks-open", wait_ms=PAST_WAIT_MS
        ) as past_reader,
        open_clickhouse(settings) as clickhouse,
        WebhookSender(settings) as sender,
        role_server(settings.metrics_port, readiness.is_ready, readiness.registry),
    ):
        deliveries = Deliveries(
            {},
            DeliveryParts(
                log=log.event_log,
                store=ClickHouseStore(clickhouse),
                sender=sender,
                encode=log.records.delivery,
                unseal=sealer.unseal,
                settings=settings,
            ),
        )
        past = Past(past_reader, WEBHOOK_EVENTS, log.records.learn)
        owed = OpenDeliveries(deliveries, past, log.records.read_delivery)
        public_url = settings.api_url()

        async def schedule(raw: RawRecord) -> None:
            await schedule_delivery(
                log.records.read_event(raw),
                log.event_log,
                public_url,
                has_files=bool(settings.results_url),
            )

        async def sweep(assigned: Mapping[str, frozenset[int]]) -> None:
            await owed.sweep(assigned[WEBHOOK_EVENTS])

        app = AgentApp(
            name="webhooks",
            handlers={
                JOB_EVENTS: each(insisting(log.records.learn, schedule)),
                WEBHOOK_EVENTS: each(insisting(log.records.learn, owed.react)),
            },
            sweep=sweep,
            is_patient=True,
        )
        try:
            await run_app(settings, app, readiness.event)
        finally:
            await deliveries.close(settings.shutdown_s)
