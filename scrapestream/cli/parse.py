"""``scrapestream parse``: read a saved page without a browser."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from scrapers.registry import all_scrapers


def parse(
    kind: Annotated[str, typer.Argument(help="Name of the scraper, such as google_reviews.")],
    file: Annotated[
        Path, typer.Argument(help="Saved page (HTML).", exists=True, dir_okay=False, readable=True)
    ],
    url: Annotated[str, typer.Option(help="Where the page was saved from.")] = "",
) -> None:
    """Print what a saved page holds, as JSON: outcome, place, items."""
    scraper = all_scrapers().get(kind)
    if scraper is None:
        kinds = ", ".join(all_scrapers())
        raise typer.BadParameter(f"there is no kind {kind!r}; there are {kinds}", param_hint="KIND")
    page = scraper.parse(file.read_text(encoding="utf-8", errors="replace"), url)
    answer = {"outcome": page.outcome, "place": dict(page.place), "items": list(page.items)}
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=_iso))


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
