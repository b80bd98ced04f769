"""How a worker behaves towards sites: how many attempts, how often, and when not at all."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import tldextract

from scrapers.access_metrics import AccessMetrics
from scrapers.attempt_log import AttemptLog
from scrapers.breaker import Admitted, Breaker, BreakerRules, Pace, Paused
from scrapers.proxies import DEFAULT, split_options
from streams.domain.retry import JITTER
from streams.domain.tasks import ScrapeTask
from streams.errors import InvalidRequestError, TargetRefusedError
from streams.settings import Settings

log = logging.getLogger(__name__)

SITE_PAUSED = "site_paused"
"""Reason of an attempt that is handed back."""
BLOCKED_OUTCOMES = frozenset({"blocked", "captcha"})
"""Outcomes by which a site says that it does not want us now."""
NO_ANSWER = "not_rendered"
"""The outcome that says nothing of what the site thinks of us."""
UNSEEN_WAIT_S = 0.05
"""A shorter wait is not worth an event."""
MOST_SITES = 1_000
"""Sites remembered; beyond it those with nothing to remember are forgotten."""


def site_of(kind: str, url: str, proxy: str = DEFAULT) -> str:
    """The site that is careful with us or not: scraper, registrable host, and our address there.

    Hosts under one registered name count together. A named proxy is another visitor.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ip_address(host)
        site = parts.netloc.lower()  # nobody registers addresses: the port tells servers apart
    except ValueError:
        site = _suffixes()(host).top_domain_under_public_suffix or parts.netloc.lower()
    return f"{kind}/{site}" + (f" via {proxy}" if proxy else "")


def site_of_task(task: ScrapeTask) -> str:
    """The site of a task's URL, through the proxy that it names."""
    try:
        proxy, _ = split_options(task.options)
    except InvalidRequestError:
        proxy = DEFAULT  # the attempt fails by it: it visits nobody
    return site_of(task.kind, task.url, proxy)


def spread_of(task: ScrapeTask) -> float:
    """0..1, the same for a job each time: its part of a pause's jitter."""
    return zlib.crc32(task.job_id.encode()) / 0xFFFFFFFF


@cache
def _suffixes() -> tldextract.TLDExtract:
    """The list that the library brings along: nothing is fetched, nothing is cached."""
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@dataclass(slots=True, kw_only=True)
class _Site:
    """What a worker remembers of one site."""

    name: str
    breaker: Breaker
    pace: Pace
    active: int = 0
    """Attempts that have their turn."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Visit:
    """One attempt at a site. ``end`` it in any case."""

    def __init__(self, gate: SiteGate, site: _Site, admitted: Admitted) -> None:
        self._gate = gate
        self._site = site
        self._admitted: Admitted | None = admitted
        self._has_turn = False

    async def wait_to_load(
        self, stopped: asyncio.Event, say_waiting: Callable[[], Awaitable[None]]
    ) -> None:
        """Wait until the site may be asked for a page, or until ``stopped``.

        ``say_waiting`` is called once when that takes time.
        """
        loading = asyncio.create_task(self._take_place())
        stopping = asyncio.create_task(stopped.wait())
        try:
            either = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(
                [loading, stopping], timeout=UNSEEN_WAIT_S, return_when=either
            )
            if not done:
                await say_waiting()
                await asyncio.wait([loading, stopping], return_when=either)
        finally:
            loading.cancel()  # gives its place up, if it waits still
            stopping.cancel()
            await asyncio.wait([loading, stopping])

    def refused(self, refused: TargetRefusedError) -> float | None:
        """The page could not be scraped; returns the pause before the next try, if it needs one."""
        if refused.outcome in BLOCKED_OUTCOMES:
            if self._admitted is not None:
                admitted, self._admitted = self._admitted, None
                self._gate.blocked(self._site, admitted, refused.retry_after_s)
            return refused.retry_after_s or self._gate.retry_after_s
        if refused.outcome != NO_ANSWER:  # the site has answered, if not as we wished
            self.passed()
        return refused.retry_after_s

    def passed(self) -> None:
        """The site has shown what was asked for."""
        if self._admitted is not None:
            admitted, self._admitted = self._admitted, None
            self._gate.passed(self._site, admitted)

    def end(self) -> None:
        """Let the next one in."""
        if self._admitted is not None:
            self._site.breaker.abandoned(self._admitted)
            self._admitted = None
        if self._has_turn:
            self._has_turn = False
            self._gate.give_turn(self._site)

    async def _take_place(self) -> None:
        if not self._has_turn:
            await self._gate.take_turn(self._site)
            self._has_turn = True
        await asyncio.sleep(self._gate.pace_s(self._site))


class SiteGate:
    """Of one worker process: each learns by itself. Used from one event loop."""

    def __init__(
        self,
        settings: Settings,
        metrics: AccessMetrics | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = settings.site_rate
        self._concurrency = settings.site_concurrency
        self._rules = BreakerRules(
            blocks=settings.site_blocks,
            window_s=settings.site_blocks_window_s,
            pause_s=settings.site_pause_s,
        )
        self.retry_after_s = settings.site_retry_after_s
        """Pause after a block when the site names none, seconds."""
        self._metrics = metrics or AccessMetrics()
        self.sites: dict[str, _Site] = {}
        self._now_s = now_s

    def admit(self, name: str, spread: float = 0.0) -> Visit | Paused:
        """Ask for one attempt at the site ``name``.

        Args:
            spread: 0..1, makes the pauses of jobs differ, so that they do not come back at once.
        """
        site = self._site(name)
        answer = site.breaker.admit(self._now_s())
        if isinstance(answer, Admitted):
            return Visit(self, site, answer)
        return Paused(wait_s=answer.wait_s + JITTER * spread * self._rules.pause_s)

    async def admit_task(self, task: ScrapeTask, attempt_log: AttemptLog) -> Visit | None:
        """A visit for a claimed task; None when its site is paused: then it was handed back."""
        answer = self.admit(site_of_task(task), spread_of(task))
        if isinstance(answer, Visit):
            return answer
        await attempt_log.stopped(SITE_PAUSED, retry_after_s=answer.wait_s)
        return None

    def admit_anyway(self, name: str) -> Visit:
        """One attempt at the site ``name``, whatever was learnt of it."""
        return Visit(self, self._site(name), Admitted())

    async def take_turn(self, site: _Site) -> None:
        """Wait until fewer attempts than the limit are at the site; the first come first."""
        if not self._concurrency or (site.active < self._concurrency and not site.waiting):
            site.active += 1
            return
        turn = asyncio.get_running_loop().create_future()
        site.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            with suppress(ValueError):
                site.waiting.remove(turn)
            if turn.done() and not turn.cancelled():
                self.give_turn(site)  # it came as we gave up
            raise

    def give_turn(self, site: _Site) -> None:
        """Pass a turn on to whoever waits the longest, or back."""
        while site.waiting:
            turn = site.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        site.active -= 1

    def pace_s(self, site: _Site) -> float:
        """Take the next place of a page load; returns the seconds until then."""
        now_s = self._now_s()
        return site.pace.reserve(now_s) - now_s

    def blocked(self, site: _Site, admitted: Admitted, retry_after_s: float | None) -> None:
        """A site does not want us now."""
        if site.breaker.blocked(admitted, self._now_s(), retry_after_s):
            self._metrics.site_paused.labels(site.name).set(1)
            extra = {"site": site.name, "pause_s": site.breaker.pause_s(self._now_s())}
            log.warning("site is paused: it blocks us", extra=extra)

    def passed(self, site: _Site, admitted: Admitted) -> None:
        """A site lets us through."""
        if site.breaker.passed(admitted):
            self._metrics.site_paused.labels(site.name).set(0)
            log.info("site takes us again", extra={"site": site.name})

    def _site(self, name: str) -> _Site:
        if name not in self.sites:
            if len(self.sites) >= MOST_SITES:
                self._forget()
            self.sites[name] = _Site(name=name, breaker=Breaker(self._rules), pace=Pace(self._rate))
        return self.sites[name]

    def _forget(self) -> None:
        now_s = self._now_s()
        for name, site in list(self.sites.items()):
            is_quiet = site.active == 0 and not site.waiting
            if is_quiet and site.breaker.is_idle and site.pace.is_idle(now_s):
                del self.sites[name]
