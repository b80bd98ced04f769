"""What a worker lets an attempt do at a site, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from scrapers import site_gate
from scrapers.access_metrics import AccessMetrics
from scrapers.breaker import Paused
from scrapers.site_gate import SiteGate, Visit, site_of, site_of_task, spread_of
from streams.domain.ids import JobId
from streams.domain.tasks import ScrapeTask
from streams.errors import TargetRefusedError
from streams.settings import Settings

SITE = "google_reviews/google.com"
CAPTCHA = TargetRefusedError("captcha", "a person?")
TOO_MANY = TargetRefusedError("blocked", "429", may_retry=True, retry_after_s=120.0)
WAIT_S = 10.0


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.google.com/maps/place/x", "k/google.com"),
        ("https://maps.google.com/maps?cid=1", "k/google.com"),
        ("https://www.google.co.uk/maps/place/x", "k/google.co.uk"),
        ("https://maps.app.goo.gl/abc", "k/goo.gl"),
        ("http://127.0.0.1:8090/maps/place/x", "k/127.0.0.1:8090"),
        ("http://demo:8090/maps/place/x", "k/demo:8090"),
        ("http://[::1]:8090/x", "k/[::1]:8090"),
    ],
)
def test_a_site_is_a_registered_name(url: str, site: str) -> None:
    assert site_of("k", url) == site
    assert site_of("k", url, "berlin") == f"{site} via berlin"


def test_a_job_that_brings_a_url_as_its_proxy_does_not_show_it() -> None:
    task = ScrapeTask(
        job_id=JobId("j1"),
        tenant="public",
        kind="k",
        url="https://www.google.com/maps/place/x",
        attempt=1,
        options={"proxy": "http://anna:pw@proxy:1"},
    )
    assert site_of_task(task) == "k/google.com"
    assert 0 <= spread_of(task) <= 1


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def admitted(gate: SiteGate, name: str = SITE) -> Visit:
    visit = gate.admit(name)
    assert isinstance(visit, Visit)
    return visit


def refused(gate: SiteGate, error: TargetRefusedError, times: int) -> None:
    for _ in range(times):
        visit = admitted(gate)
        visit.refused(error)
        visit.end()


def test_blocked_attempts_pause_their_site_alone_and_operators_see_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    registry, clock = CollectorRegistry(), Clock()
    gate = SiteGate(Settings(), AccessMetrics(registry), clock)

    def shown() -> float | None:
        return registry.get_sample_value("scraper_site_paused", {"site": SITE})

    refused(gate, CAPTCHA, 2)
    assert shown() is None
    refused(gate, CAPTCHA, 1)
    assert gate.admit(SITE) == Paused(wait_s=300)
    assert shown() == 1
    assert isinstance(gate.admit(f"{SITE} via berlin"), Visit)
    clock.now += 300
    trial = admitted(gate)
    assert isinstance(gate.admit(SITE), Paused)
    trial.passed()
    trial.end()
    assert isinstance(gate.admit(SITE), Visit)
    assert shown() == 0
    assert [record.message for record in caplog.records] == [
        "site is paused: it blocks us",
        "site takes us again",
    ]
    assert caplog.records[0].__dict__["pause_s"] == 300


def test_paused_jobs_come_back_one_after_the_other() -> None:
    gate = SiteGate(Settings(), now_s=Clock())
    refused(gate, CAPTCHA, 3)
    waits = []
    for spread in (0.0, 0.5, 1.0):
        answer = gate.admit(SITE, spread)
        assert isinstance(answer, Paused)
        waits.append(answer.wait_s)
    assert waits == [300, 337.5, 375]


def test_a_block_names_the_next_try_by_the_sites_wish_or_ours() -> None:
    gate = SiteGate(Settings(site_retry_after_s=45))
    assert admitted(gate).refused(TOO_MANY) == 120
    assert admitted(gate).refused(CAPTCHA) == 45
    assert admitted(gate).refused(TargetRefusedError("not_a_place", "no")) is None


def test_a_page_that_is_no_place_is_an_answer_and_an_empty_one_is_none() -> None:
    no_place, empty = TargetRefusedError("not_a_place", ""), TargetRefusedError("not_rendered", "")
    gate = SiteGate(Settings(), now_s=Clock())
    refused(gate, CAPTCHA, 2)
    refused(gate, no_place, 1)
    refused(gate, CAPTCHA, 2)
    assert isinstance(gate.admit(SITE), Visit)
    refused(gate, empty, 5)
    refused(gate, CAPTCHA, 1)
    assert isinstance(gate.admit(SITE), Paused)


async def test_the_first_come_first_and_no_more_than_allowed() -> None:
    gate = SiteGate(Settings(site_concurrency=2))
    first, second, third, fourth = (admitted(gate) for _ in range(4))
    others = admitted(gate, "k/other.example")
    never = asyncio.Event()
    said: asyncio.Queue[str] = asyncio.Queue()

    def say(name: str) -> Callable[[], Awaitable[None]]:
        return lambda: said.put(name)

    async with asyncio.timeout(WAIT_S):
        for visit in (first, second, others):
            await visit.wait_to_load(never, say("not waiting"))
        third_waits = asyncio.create_task(third.wait_to_load(never, say("third")))
        assert await said.get() == "third"
        fourth_waits = asyncio.create_task(fourth.wait_to_load(never, say("fourth")))
        assert await said.get() == "fourth"
        assert not third_waits.done()
        first.end()
        first.end()  # twice is once
        await third_waits
        assert not fourth_waits.done()
        second.end()
        await fourth_waits
        await third.wait_to_load(never, say("again"))
    assert said.empty()


async def test_whoever_is_stopped_while_waiting_takes_nobodys_turn() -> None:
    gate = SiteGate(Settings(site_concurrency=1))
    first, second, third = (admitted(gate) for _ in range(3))
    stopped, never = asyncio.Event(), asyncio.Event()

    async def say_waiting() -> None:
        stopped.set()

    async def say_nothing() -> None:
        pass

    async with asyncio.timeout(WAIT_S):
        await first.wait_to_load(never, say_nothing)
        await second.wait_to_load(stopped, say_waiting)
        second.end()
        first.end()
        await third.wait_to_load(never, say_nothing)


async def test_page_loads_wait_for_their_pace() -> None:
    gate = SiteGate(Settings(site_rate=600))  # one in 100 ms
    waited: list[int] = []
    begun_s = asyncio.get_running_loop().time()

    async def say_waiting() -> None:
        waited.append(1)

    visits = [admitted(gate) for _ in range(3)]
    async with asyncio.timeout(WAIT_S):
        await asyncio.gather(
            *(visit.wait_to_load(asyncio.Event(), say_waiting) for visit in visits)
        )
    assert asyncio.get_running_loop().time() - begun_s >= 0.19
    assert len(waited) == 2


def test_sites_with_nothing_to_remember_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_gate, "MOST_SITES", 3)
    gate = SiteGate(Settings(), now_s=Clock())
    refused(gate, CAPTCHA, 3)
    for number in range(50):
        admitted(gate, f"k/{number}.example").end()
    assert len(gate.sites) <= 3
    assert isinstance(gate.admit(SITE), Paused)
