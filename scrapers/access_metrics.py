"""Metrics of how a worker reaches sites."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class AccessMetrics:
    """Counted by its browsers and at its gate, in one registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Without a registry they are counted for nobody."""
        registry = registry or CollectorRegistry()
        self.egress_bytes = Counter(
            "scraper_egress_bytes",
            "Bytes between browsers and sites.",
            ["direction"],
            registry=registry,
        )
        self.egress_refused = Counter(
            "scraper_egress_refused",
            "Connections of browsers that were refused: the address is not public.",
            registry=registry,
        )
        self.site_paused = Gauge(
            "scraper_site_paused",
            "1 from the time a site has blocked us until an attempt gets through again.",
            ["site"],
            registry=registry,
        )
