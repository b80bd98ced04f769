"""Scrapes nothing, and takes its time: for tests and load. Accepted when ``allow_noop`` is set.

``https://noop.invalid/?items=100&ms=2000&fail=blocked&fails=1``: makes up ``items`` items over
``ms`` milliseconds, then ends. With ``fail`` it ends so instead: ``crash`` is a bug of the
scraper, ``refused`` a target that gives nothing, ``lost`` a lost browser, any other text an
outcome that another attempt may change. With ``at`` it fails after so many items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from scrapers.contract import (
    Described,
    Finished,
    Found,
    Item,
    Page,
    ParsedPage,
    Progress,
    Report,
    Scraper,
    Target,
)
from streams.errors import BrowserLostError, InvalidRequestError, TargetRefusedError

MOST_ITEMS = 100_000
MOST_MS = 3_600_000
BATCH = 50
STEP_S = 0.5
"""Longest wait between two reports."""


def scrape(page: Page, target: Target) -> Iterator[Report]:
    """Make up items in equal steps. Raises what the URL asks for."""
    asked = dict(parse_qsl(urlsplit(target.url).query))
    items = _number(asked, "items", MOST_ITEMS)
    seconds = _number(asked, "ms", MOST_MS) / 1000
    fail_at = _number(asked, "at", MOST_ITEMS) if "fail" in asked else items + 1
    page.open(target.url)
    yield Described(title="noop", items_total=items)
    steps = max(1, -(-items // BATCH), round(seconds / STEP_S))
    done = 0
    for step in range(1, steps + 1):
        page.wait_for("", timeout_s=seconds / steps)
        upto = min(items * step // steps, fail_at)
        fresh = [item(n) for n in range(done + 1, upto + 1)]
        found = [each for each in fresh if each["item_id"] not in target.known_ids]
        if found:
            yield Found(items=found)
        done = upto
        yield Progress(stage="waiting", items_seen=done)
        if done >= fail_at:
            break
    if "fail" in asked:
        raise _failure(asked["fail"])
    yield Finished(outcome="completed")


def item(number: int) -> Item:
    """The ``number``-th item, from 1: the same in every attempt."""
    return {"item_id": f"noop-{number}", "text": f"Item {number}", "position": number}


def parse(html: str, url: str) -> ParsedPage:
    """Nothing is in any page."""
    return ParsedPage(outcome="completed", place={}, items=())


def check_options(options: Mapping[str, str]) -> None:
    """It has none."""
    for name in options:
        raise InvalidRequestError(f"noop has no option {name!r}")


def _number(asked: Mapping[str, str], name: str, most: int) -> int:
    text = asked.get(name, "0")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) > most:
        raise InvalidRequestError(f"`{name}` must be a number up to {most}")
    return int(text)


def _failure(how: str) -> Exception:
    match how:
        case "crash":
            return RuntimeError("noop was asked to crash")
        case "refused":
            return TargetRefusedError("refused", "noop was asked to be refused", may_retry=False)
        case "lost":
            return BrowserLostError("noop was asked to lose its browser")
        case _:
            return TargetRefusedError(how[:40], "noop was asked to fail", may_retry=True)


scraper = Scraper(
    name="noop",
    accepts=re.compile(r"https?://noop\.invalid/.*"),
    accepts_path=re.compile(r"(?!)"),
    examples=("https://noop.invalid/?items=10&ms=1000",),
    item_schema="noop_item",
    item_id="item_id",
    scrape=scrape,
    parse=parse,
    check_options=check_options,
    needs_browser=False,
    is_hidden=True,
)
