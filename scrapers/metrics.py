"""Metrics of a worker process, each declared here. One registry a process: nothing global."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter

from scrapers.contract import Extracted, Scraper


class WorkerMetrics:
    """What a worker's ``/metrics`` shows of the pages that it reads."""

    def __init__(self, registry: CollectorRegistry, scrapers: Iterable[Scraper]) -> None:
        self._selectors = Counter(
            "scraper_selector_used_total",
            "Values read from pages, by the selector that served; fallbacks mean drift.",
            ["kind", "field", "selector"],
            registry=registry,
        )
        self._series = {
            (scraper.name, table.key(selector)): self._selectors.labels(
                scraper.name,
                table.field,
                selector,  # from the start: a rate() needs its zero
            )
            for scraper in scrapers
            for table in scraper.fields
            for selector in table.selectors
        }

    def extracted(self, scraper: Scraper, extracted: Extracted) -> None:
        """An attempt has read items. What is in no table is not counted: series stay few."""
        for key, count in extracted.selectors.items():
            if series := self._series.get((scraper.name, key)):
                series.inc(count)
