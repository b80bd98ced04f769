"""What a scraper is, what it is given, and what it reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

Item = Mapping[str, Any]
"""One scraped thing: the fields of the scraper's item schema, without the envelope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to scrape."""

    url: str
    known_ids: frozenset[str] = frozenset()
    """Items that an earlier attempt has emitted: they count, and are not emitted again."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What the client asked for, as texts; ``Scraper.check_options`` knows which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The target said what it is, so that progress has a denominator."""

    title: str
    items_total: int | None
    """Items that the source announces; None when it does not."""
    facts: Mapping[str, str | int | float | None] = field(default_factory=dict)
    """More of the target, such as ``rating`` and ``stars_5`` .. ``stars_1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Items that were not reported before."""

    items: Sequence[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the scrape stands. Any report shows that it lives."""

    stage: str
    """``opening``, ``scrolling``, ``extracting``, ..."""
    items_seen: int
    """Distinct items of this target so far, known ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last report of a scrape that came to its end."""

    outcome: str
    """``completed``, ``no_reviews``, ``partial``, ``truncated_by_source``, ..."""
    message: str = ""
    """For a person: what happened and what can be done; empty when all went well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """How items were read since the last such report; counts, so reports add up."""

    selectors: Mapping[str, int] = field(default_factory=dict)
    """Values read, by ``"FIELD SELECTOR"``: the selector that served (``FieldSelectors.key``)."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """New items, by where their values come from: ``dom``, ``network``, ..."""


Report = Described | Found | Progress | Extracted | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSelectors:
    """Where a field is looked for in a page: the first selector that gives a value serves."""

    field: str
    """Its name, without blanks."""
    usual: tuple[str, ...]
    """The site's pages as we know them; several where it has several layouts."""
    fallbacks: tuple[str, ...] = ()
    """For pages that are not as we know them. One that serves is a sign of drift."""
    is_expected: bool = False
    """Whether every item has the field."""

    @property
    def selectors(self) -> tuple[str, ...]:
        """All of them, in their order."""
        return self.usual + self.fallbacks

    def key(self, selector: str) -> str:
        """The name of one of them in an ``Extracted``."""
        return f"{self.field} {selector}"


class Page(Protocol):
    """One browser tab. Calls block; each ends within the browser's time-outs.

    Every call raises ``streams.errors.BrowserLostError`` when the browser is gone.
    """

    @property
    def url(self) -> str:
        """The address after redirects."""

    def open(self, url: str) -> None:
        """Load ``url``; returns when its document is there (not its images).

        Raises:
            TargetRefusedError: outcome ``not_rendered``, when it does not load in time;
                ``blocked`` or ``captcha``, when the site does not want us now.
        """

    def run(self, script: str, *args: Any) -> Any:
        """Run JavaScript with ``arguments``; returns its JSON value."""

    def wait_for(self, script: str, *args: Any, timeout_s: float) -> Any:
        """Evaluate ``script`` in the page until its value is true; returns the value.

        Returns None after ``timeout_s``: a fact that did not come is an answer, not an error.
        """

    def html(self) -> str:
        """The document as it stands."""

    def tidy(self) -> None:
        """Have the browser free what the page no longer uses: for long stays on one page."""

    def listen(self, pattern: str) -> None:
        """Keep the network answers whose URL matches the regular expression, from now on.

        Only those that the page's own scripts ask for: nothing is sent.
        """

    def answers(self) -> Sequence[str]:
        """Bodies of such answers since the last call, in order; none unless it listens.

        What the page has got before the call is in it, as a rule; a body that is too long or
        lost is left out.
        """


class SlotBrowser(Protocol):
    """What the worker needs of a browser; ``scrapers.browser.Browser`` has it."""

    def open_page(self, proxy: str = "") -> AbstractContextManager[Page]:
        """A page that shares nothing with earlier ones, through the proxy of this name."""

    def prepare(self) -> None:
        """Close the pages that were left and have the next one ready: work for idle time."""

    def memory_bytes(self) -> int:
        """Memory of all its processes."""

    def kill(self) -> None:
        """End it at once, from any thread: calls that block raise BrowserLostError."""

    def close(self) -> None:
        """End it and leave nothing behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPage:
    """What a saved page holds."""

    outcome: str
    place: Mapping[str, Any]
    items: Sequence[Item]
    selectors: Mapping[str, int] = field(default_factory=dict)
    """Values read by ``"FIELD SELECTOR"``, as in ``Extracted``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraper:
    """One site: which URLs, which items, how."""

    name: str
    """Also the job's ``kind``."""
    accepts: re.Pattern[str]
    """URLs on the site's own hosts, matched from the start."""
    accepts_path: re.Pattern[str]
    """Paths accepted on hosts that a setting adds (the demo site, tests)."""
    examples: Sequence[str]
    """URLs that it accepts, for messages and tests."""
    item_schema: str
    """File name in ``schemas/items`` without its ending."""
    item_id: str
    """The field that tells items apart within a job."""
    scrape: Callable[[Page, Target], Iterator[Report]]
    parse: Callable[[str, str], ParsedPage]
    """``parse(html, url)``: read a saved page. Pure."""
    check_options: Callable[[Mapping[str, str]], None]
    """Raises ``streams.errors.InvalidRequestError`` for options that the scraper cannot use;
    the API calls it before it takes a job. Pure."""
    fields: Sequence[FieldSelectors] = ()
    """What it looks for in pages, so that drift can be seen; empty when it reads no pages."""
    needs_browser: bool = True
    """Without, its page only passes time, and a worker of such kinds starts no browser."""
    is_hidden: bool = False
    """Not offered to clients: a setting of its own accepts it."""
