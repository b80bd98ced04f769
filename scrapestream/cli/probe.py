"""``scrapestream probe``: does a scraper still find its fields in the site's pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from scrapers.browser import Browser
from scrapers.contract import Extracted, Finished, Found, Scraper, Target
from scrapers.extraction import FieldUse, uses_of
from scrapers.registry import all_scrapers, find_scraper
from scrapestream.cli.address import JsonOption
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.machine import sandbox_impossible
from streams.errors import TargetRefusedError
from streams.settings import Settings

COLUMNS = ("FIELD", "SELECTOR", "COUNT#", "CHOICE")
LOOPBACK = frozenset({"127.0.0.1", "localhost"})


@dataclass(slots=True)
class Probed:
    """What a short scrape has found."""

    outcome: str = "not_rendered"
    message: str = ""
    items: int = 0
    selectors: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)


def probe(
    *,
    kind: Annotated[str, typer.Argument(help="Name of the scraper, such as google_reviews.")],
    url: Annotated[str, typer.Argument(help="A page with at least some items.")],
    reviews: Annotated[int, typer.Option(min=1, max=1_000, help="Items to read.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Read some items in a browser of its own, and show which selectors served."""
    settings = _settings_for(url)
    scraper = _scraper(kind, url, settings)
    options = {"max_reviews": str(reviews)}
    scraper.check_options(options)
    found = _probe(scraper, Target(url=url, options=options), settings)
    uses = list(uses_of(scraper.fields, found.selectors))
    drifted = [use.table.field for use in uses if use.has_drifted]
    if as_json:
        print_json(_as_json(scraper, url, found, uses, drifted))
    else:
        _print(found, uses, drifted)
    if not found.items:
        raise typer.Exit(ExitCode.FAILED)
    if drifted:
        raise typer.Exit(ExitCode.DRIFTED)


def _settings_for(url: str) -> Settings:
    """Whoever runs this names the kind: a demo site on this machine needs no setting."""
    settings = Settings.from_env()
    address = urlsplit(url)
    if address.hostname not in LOOPBACK:
        return settings
    return replace(settings, maps_hosts=(*settings.maps_hosts, address.netloc))


def _scraper(kind: str, url: str, settings: Settings) -> Scraper:
    scraper = all_scrapers().get(kind)
    if scraper is None or not scraper.fields:
        kinds = ", ".join(name for name, each in all_scrapers().items() if each.fields)
        raise CliError(f"{kind!r} cannot be probed; these can: {kinds}", ExitCode.USAGE)
    if find_scraper(url, settings.maps_hosts) is None:
        raise CliError(
            f"{kind} does not take {url!r}; it takes {', '.join(scraper.examples)}", ExitCode.USAGE
        )
    return scraper


def _probe(scraper: Scraper, target: Target, settings: Settings) -> Probed:
    found = Probed()
    if sandbox_impossible():
        settings = replace(settings, browser_sandbox=False)
    say("starting a browser")
    with Browser.start(settings) as browser, browser.open_page() as page:
        try:
            for report in scraper.scrape(page, target):
                match report:
                    case Found(items=items):
                        found.items += len(items)
                    case Extracted():
                        found.selectors.update(report.selectors)
                        found.sources.update(report.sources)
                    case Finished():
                        found.outcome, found.message = report.outcome, report.message
        except TargetRefusedError as refused:
            found.outcome, found.message = refused.outcome, str(refused)
    return found


def _state(use: FieldUse) -> str:
    if use.is_missing:
        return "none"
    if not use.counts:
        return "not seen"
    return "fallbacks only" if use.has_drifted else "first choice"


def _print(found: Probed, uses: Sequence[FieldUse], drifted: Sequence[str]) -> None:
    rows: list[tuple[object, ...]] = []
    for use in uses:
        for selector, count in use.counts.items():
            rows.append((use.table.field, selector, count, use.rank(selector)))
        if not use.counts:
            rows.append((use.table.field, "", 0, _state(use)))
    print_table(COLUMNS, rows)
    sources = ", ".join(f"{name} {count}" for name, count in found.sources.items())
    typer.echo(f"outcome {found.outcome}, {found.items} items, sources: {sources or 'none'}")
    if found.message:
        say(found.message)
    if drifted and found.items:
        say(f"no first choice serves for: {', '.join(drifted)}", style="yellow")


def _as_json(
    scraper: Scraper, url: str, found: Probed, uses: Sequence[FieldUse], drifted: Sequence[str]
) -> dict[str, Any]:
    return {
        "kind": scraper.name,
        "url": url,
        "outcome": found.outcome,
        "message": found.message,
        "items": found.items,
        "sources": found.sources,
        "drifted": drifted,
        "fields": [
            {
                "field": use.table.field,
                "state": _state(use),
                "served": [
                    {"selector": selector, "count": count, "choice": use.rank(selector)}
                    for selector, count in use.counts.items()
                ],
            }
            for use in uses
        ],
    }
