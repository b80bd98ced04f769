"""The HTTP API: submit, read, watch, cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from api.app import ApiParts, build_app
from api.erased_store import ErasedStore
from api.erasure_desk import ErasureDesk
from api.live_view import LiveView
from api.monitor_view import MonitorView
from api.server import open_socket, serve
from schemas.catalog import item_schema
from scrapers.contract import Scraper
from scrapers.registry import all_scrapers, check_options, find_scraper
from scrapestream.erasing import open_erasure_orders
from scrapestream.wiring import API_ACK_S, limits_of, open_log
from streams.adapters.blobs import open_result_files
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_place_reader import ClickHousePlaceReader
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_reader import open_reader
from streams.catalogue import Catalogue, Kind
from streams.dead_letter_box import DeadLetterBox
from streams.domain.fleet import Fleet
from streams.fleet_reader import FleetReader
from streams.garbage import rare_garbage_collection
from streams.patience import Rush
from streams.replay_board import ReplayBoard, Replays
from streams.sealing import Sealer
from streams.settings import Settings
from streams.topics import WORKERS_GROUP
from streams.webhook_guard import check_webhook_url


async def run(settings: Settings) -> None:
    """Serve until SIGTERM."""
    sealer = Sealer(settings.secret_key)
    files = open_result_files(settings)
    listening = open_socket(settings)
    settings = replace(settings, api_port=listening.getsockname()[1])
    async with (
        open_log(settings, "api", ack_timeout_s=API_ACK_S) as log,
        open_reader(settings, "api-tail", rush=Rush()) as tail,
        open_reader(settings, "api-monitors") as monitors_tail,
        open_reader(settings, "api-ends") as ends,
        open_reader(settings, "api-fleet") as heartbeats,
        open_reader(settings, "api-dlq", wait_ms=50) as letters,
        open_reader(settings, "api-replays", wait_ms=50) as replay_events,
        open_admin(settings, "api") as admin,
        open_clickhouse(settings) as clickhouse,
    ):
        erasures = log.erasures.erasures
        store = ErasedStore(ClickHouseStore(clickhouse), erasures)
        catalogue = catalogue_of(settings)
        live = LiveView(
            reader=tail,
            ends_reader=ends,
            store=store,
            records=log.records,
            kinds=[kind.name for kind in catalogue.kinds],
        )
        log.erasures.on_request = lambda asked: live.memory.erase(asked.job_ids, erasures)
        monitors = MonitorView(reader=monitors_tail, ends_reader=ends, records=log.records)
        fleet = Fleet()
        checks: dict[str, Callable[[], Awaitable[None]]] = {
            "kafka": admin.ping,
            "clickhouse": store.ping,
        }
        if files is not None:
            checks["results"] = files.ping
        parts = ApiParts(
            settings=settings,
            event_log=log.event_log,
            store=store,
            live=live,
            monitors=monitors,
            catalogue=catalogue,
            sealer=sealer,
            checks=checks,
            live_workers=partial(admin.members, WORKERS_GROUP),
            dead_letters=DeadLetterBox(letters, log.event_log, log.records),
            replays=ReplayBoard(replay_events, Replays(log.records.learn, log.records.read_replay)),
            check_webhook=partial(check_webhook_url, settings=settings),
            fleet=fleet,
            follow_fleet=FleetReader(
                heartbeats, log.records.learn, log.records.read_report, fleet.hear
            ).run,
            tenant_weight=limits_of(settings).weight,
            files=files,
            places=ClickHousePlaceReader(clickhouse),
            disk_path=Path(),
            erasures=erasures,
            erasure_desk=ErasureDesk(log.erasures, partial(open_erasure_orders, settings, log)),
            keys=log.keys,
        )
        with rare_garbage_collection():  # a batch makes a million objects, and no cycles
            await serve(build_app(parts), settings, listening=listening)


def catalogue_of(settings: Settings) -> Catalogue:
    """The scrapers as the API knows them; a hidden one only when its setting allows it."""
    shown = [
        scraper
        for scraper in all_scrapers().values()
        if not scraper.is_hidden or settings.allow_noop
    ]
    return Catalogue(kinds=[_kind(scraper, settings) for scraper in shown])


def _kind(scraper: Scraper, settings: Settings) -> Kind:
    return Kind(
        name=scraper.name,
        accepts=lambda url: find_scraper(url, settings.maps_hosts) is scraper,
        examples=scraper.examples,
        item_schema=item_schema(scraper.item_schema).name,
        item_id=scraper.item_id,
        check_options=_but_not_twice(partial(check_options, scraper)),
    )


def _but_not_twice(
    check: Callable[[Mapping[str, str]], None],
) -> Callable[[Mapping[str, str]], None]:
    """``check``, but not for options that equal those it has just passed: as in most batches."""
    passed: dict[str, str] | None = None

    def check_new(options: Mapping[str, str]) -> None:
        nonlocal passed
        if options != passed:
            check(options)
            passed = dict(options)

    return check_new
