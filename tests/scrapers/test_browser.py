"""A real Chromium: isolation of pages, errors, and its end without traces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scrapers.browser import HOME_PREFIX, Browser
from streams.errors import BrowserLostError, PartFailedError, TargetRefusedError
from streams.settings import Settings

COOKIE = "document.cookie = 'seen=1'; return document.cookie"


def left_of(group: int, home: Path | None = None) -> list[psutil.Process]:
    """Processes of a group, zombies too, and those that left it but live in ``home``."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            is_in_home = home and process.environ().get("TMPDIR") == str(home)
            if is_in_home or os.getpgid(process.pid) == group:
                found.append(process)
    return found


def renderers_of(group: int) -> list[psutil.Process]:
    found = []
    for process in left_of(group):
        with suppress(psutil.Error):
            if "--type=renderer" in process.cmdline():
                found.append(process)
    return found


def homes_of(pid: int) -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}{pid}-*"))


def wait_until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return is_so()


def test_no_cookie_crosses_to_the_next_page(browser: Browser, site: str) -> None:
    with browser.open_page() as first:
        first.open(f"{site}/about")
        assert first.run(COOKIE) == "seen=1"
    with browser.open_page() as second:
        second.open(f"{site}/about")
        assert second.run("return document.cookie") == ""


def test_pages_are_made_and_closed_in_idle_time(browser: Browser, site: str) -> None:
    browser.prepare()
    began_ms = time.time() * 1_000
    with browser.open_page() as page:
        assert page.run("return performance.timeOrigin") < began_ms
    with browser.open_page() as unprepared:
        assert unprepared.run("return performance.timeOrigin") > began_ms
        unprepared.open(f"{site}/about")
    browser.prepare()
    alive = len(renderers_of(browser.pid))
    for _ in range(4):
        with browser.open_page() as page:
            page.open(f"{site}/about")
        browser.prepare()
    assert wait_until(lambda: len(renderers_of(browser.pid)) <= alive, 5)


def test_a_page_tells_where_it_is_and_what_it_holds(browser: Browser, site: str) -> None:
    with browser.open_page() as page:
        page.open(f"{site}/demo")
        assert page.url.startswith(f"{site}/maps/place/Cafe+Central/@")
        assert "Cafe Central" in page.html()
        assert page.run("return arguments[0] + arguments[1]", 2, 3) == 5
        assert page.run("return navigator.language") == "en-US"
        assert page.run("return document.visibilityState") == "visible"


def test_a_page_loads_although_the_network_process_dies_on_the_way(
    browser: Browser, site: str
) -> None:
    browser.prepare()
    service = next(p for p in left_of(browser.pid) if "NetworkService" in " ".join(p.cmdline()))
    service.suspend()  # so that the address is asked for, and no answer can have come
    ending = threading.Timer(0.05, service.kill)
    ending.start()
    with browser.open_page() as page:
        page.open(f"{site}/demo")
        assert page.url.startswith(f"{site}/maps/place/Cafe+Central/@")
    ending.join()


def test_a_wait_ends_with_the_fact_or_with_nothing(browser: Browser, site: str) -> None:
    with browser.open_page() as page:
        page.open(f"{site}/about")
        page.run("setTimeout(() => document.body.append('late'), 150)")
        found = page.wait_for("return document.body.innerText.includes('late')", timeout_s=5)
        assert found is True
        began = time.monotonic()
        assert page.wait_for("return null", timeout_s=0.3) is None
        assert 0.25 < time.monotonic() - began < 2


def test_a_wait_survives_a_new_document(browser: Browser, site: str) -> None:
    with browser.open_page() as page:
        page.open(f"{site}/about")
        page.run("setTimeout(() => location.assign('/demo'), 100)")
        assert page.wait_for("return document.querySelector('h1.DUwDvf') && 1", timeout_s=10) == 1


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:1", "data:text/html,x", "about:"]
)
def test_only_web_addresses_are_opened(browser: Browser, url: str) -> None:
    with browser.open_page() as page, pytest.raises(TargetRefusedError):
        page.open(url)


def test_a_page_that_does_not_load_may_be_tried_again(browser: Browser) -> None:
    with browser.open_page() as page, pytest.raises(TargetRefusedError) as refused:
        page.open("http://127.0.0.1:1/")
    assert (refused.value.outcome, refused.value.may_retry) == ("not_rendered", True)


def test_a_script_that_fails_is_no_lost_browser(browser: Browser, site: str) -> None:
    with browser.open_page() as page:
        page.open(f"{site}/about")
        with pytest.raises(TargetRefusedError, match="nothing"):
            page.run("return nothing.at.all")
        with pytest.raises(TargetRefusedError, match="nothing"):
            page.wait_for("return nothing.at.all", timeout_s=1)


def test_a_killed_browser_ends_a_blocked_call_and_leaves_nothing(settings: Settings) -> None:
    homes = homes_of(os.getpid())
    browser = Browser.start(settings)
    group = browser.pid
    assert browser.memory_bytes() > 50_000_000
    (home,) = homes_of(os.getpid()) - homes
    # Crash handlers leave the group. Chromium still starts and ends others meanwhile.
    assert wait_until(lambda: len(left_of(group, home)) > len(left_of(group)), 5)
    began = time.monotonic()
    with pytest.raises(BrowserLostError):
        _wait_on_a_page(browser, then=browser.kill)
    browser.close()
    assert time.monotonic() - began < 5
    assert wait_until(lambda: not left_of(group, home), 5)
    assert homes_of(os.getpid()) == homes
    browser.close()  # twice is once


def test_a_crashed_tab_is_a_lost_browser_and_closing_leaves_nothing(settings: Settings) -> None:
    homes = homes_of(os.getpid())
    with Browser.start(settings) as browser:
        group = browser.pid
        with pytest.raises(BrowserLostError):
            _wait_on_a_page(browser, then=lambda: _kill_all(renderers_of(group)))
    assert wait_until(lambda: not left_of(group), 5)
    assert homes_of(os.getpid()) == homes


def _kill_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()


def _wait_on_a_page(browser: Browser, *, then: Callable[[], None]) -> None:
    with browser.open_page() as page:
        threading.Timer(0.3, then).start()
        page.wait_for("return null", timeout_s=30)


def test_a_browser_ends_with_its_killed_owner(settings: Settings) -> None:
    script = (
        "import sys, time\n"
        "from scrapers.browser import Browser\n"
        "from streams.settings import Settings\n"
        f"browser = Browser.start(Settings(browser_sandbox={settings.browser_sandbox}))\n"
        "print(browser.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        group = int(owner.stdout.readline())
        assert left_of(group)
        owner.send_signal(signal.SIGKILL)
        owner.wait(5)
        assert wait_until(lambda: not left_of(group), 5)
    assert homes_of(owner.pid)  # nobody was there to remove it ...
    Browser.start(settings).close()
    assert not homes_of(owner.pid)  # ... so the next start does


def test_a_missing_program_is_named(settings: Settings) -> None:
    with pytest.raises(PartFailedError, match="SCRAPESTREAM_CHROMEDRIVER"):
        Browser.start(Settings(chromedriver="no-such-driver"))
