"""What the selectors of a scraper have found: which served, and whether a page has drifted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scrapers.contract import Extracted, FieldSelectors, Scraper
from streams.domain.tasks import ScrapeTask

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUse:
    """How one field was read."""

    table: FieldSelectors
    counts: Mapping[str, int]
    """Values by the selector that served, in the order of the table."""
    items: int
    """Items that were looked at."""

    @property
    def fallbacks(self) -> Mapping[str, int]:
        """Those of ``counts`` that are no usual ones."""
        return {one: count for one, count in self.counts.items() if one in self.table.fallbacks}

    @property
    def is_missing(self) -> bool:
        """Whether no item has a value, and each should."""
        return self.table.is_expected and not self.counts

    @property
    def has_drifted(self) -> bool:
        """Whether the field is there by fallbacks only, or should be there and is not."""
        return self.is_missing or (bool(self.counts) and len(self.fallbacks) == len(self.counts))

    def rank(self, selector: str) -> str:
        """``first choice``, or ``fallback 1`` and so on."""
        if selector in self.table.usual:
            return "first choice"
        return f"fallback {self.table.fallbacks.index(selector) + 1}"


def uses_of(fields: Sequence[FieldSelectors], selectors: Mapping[str, int]) -> Iterator[FieldUse]:
    """How each of ``fields`` was read (``selectors`` as in ``Extracted``).

    The first field is the item itself: without one nothing is said of the other fields.
    """
    items = 0
    for table in fields:
        found = {selector: selectors.get(table.key(selector), 0) for selector in table.selectors}
        counts = {selector: count for selector, count in found.items() if count}
        if table is fields[0]:
            items = sum(counts.values())
        yield FieldUse(table=table, counts=counts, items=items)
        if not items:
            return


def log_extraction(task: ScrapeTask, scraper: Scraper, extracted: Extracted) -> None:
    """Say in one line what served, and warn of each fallback: the site's pages change."""
    if not (extracted.selectors or extracted.sources):
        return
    ids = {"job_id": task.job_id, "attempt": task.attempt, "kind": task.kind}
    log.info(
        "selectors served",
        extra={
            **ids,
            "selectors": dict(extracted.selectors),
            "sources": dict(extracted.sources),
        },
    )
    for use in uses_of(scraper.fields, extracted.selectors):
        for selector, count in use.fallbacks.items():
            where = {"field": use.table.field, "selector": selector, "count": count}
            log.warning("a fallback selector is in use", extra={**ids, **where})
        if use.is_missing:
            log.warning(
                "no selector finds a field",
                extra={**ids, "field": use.table.field, "items": use.items},
            )
