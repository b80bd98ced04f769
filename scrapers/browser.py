"""Chromium, started and ended; with ``browser_page`` the only place that knows Selenium."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from selenium.webdriver import ChromeOptions, Remote
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
from selenium.webdriver.common.proxy import Proxy
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.command import Command

from scrapers.access_metrics import AccessMetrics
from scrapers.browser_page import PAGE_LOAD_S, SCRIPT_S, BrowserPage, browser_errors
from scrapers.devtools import DevTools
from scrapers.egress import Egress
from scrapers.process_group import ProcessGroup
from scrapers.proxies import DEFAULT
from scrapers.tabs import NO_EXCEPTION, Tabs
from streams.errors import BrowserLostError, PartFailedError
from streams.settings import Settings

DRIVER_START_S = 20.0
COMMAND_S = 35.0
"""Above the two others: the driver answers first, and a silent driver is a lost one."""
QUIT_S = 5.0
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - we look at its size only
SMALL_SHM_BYTES = 512 * 1024 * 1024
HOME_PREFIX = "scrapestream-browser-"

FLAGS = (
    "--headless=new",
    "--window-size=1280,1600",
    "--blink-settings=imagesEnabled=false",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--mute-audio",
    "--no-first-run",
)

ONLY_THROUGH_EGRESS = (
    f"--proxy-bypass-list={NO_EXCEPTION}",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
"""No way past the proxy: not to loopback, not over UDP, and no name is asked for beside it."""

_STARTED = re.compile(r"started successfully on port (\d+)")


class Browser:
    """One Chromium with its driver. One thread uses it; any thread may ``kill`` it."""

    @classmethod
    def start(cls, settings: Settings, metrics: AccessMetrics | None = None) -> Self:
        """Start a browser with a new profile and a way out of its own.

        Raises:
            PartFailedError: there is no Chromium or no driver; its text says what to do.
            BrowserLostError: it did not come up; another try may work.
        """
        for program, setting in (
            (settings.chromium, "CHROMIUM"),
            (settings.chromedriver, "CHROMEDRIVER"),
        ):
            if shutil.which(program) is None:
                raise PartFailedError(
                    f"there is no program {program!r}: install Chromium and its driver "
                    f"(Debian: chromium, chromium-driver) or set SCRAPESTREAM_{setting}"
                )
        _remove_left_homes()
        egress = Egress(settings, metrics)
        egress.start()
        home = Path(tempfile.mkdtemp(prefix=f"{HOME_PREFIX}{os.getpid()}-"))
        group = ProcessGroup(
            [settings.chromedriver, "--port=0"],
            environment={"TMPDIR": str(home), "BREAKPAD_DUMP_LOCATION": str(home / "crashes")},
        )
        try:
            with browser_errors():
                return cls(settings, home, group, egress)
        except BaseException:
            _remove(group, home)
            egress.close()
            raise

    def __init__(self, settings: Settings, home: Path, group: ProcessGroup, egress: Egress) -> None:
        """Take over a started driver; ``Browser.start`` is the way to get one."""
        self._home = home
        self._group = group
        self._egress = egress
        started = group.wait_for_line(_STARTED, timeout_s=DRIVER_START_S)
        if started is None:
            raise BrowserLostError("chromedriver did not start")
        address = f"http://127.0.0.1:{started[1]}"
        self._config = ClientConfig(
            remote_server_addr=address,
            timeout=int(COMMAND_S),
            proxy=Proxy({"proxyType": "direct"}),
            init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
        )
        self._driver = Remote(
            command_executor=ChromiumRemoteConnection(
                address, vendor_prefix="goog", browser_name="chrome", client_config=self._config
            ),
            options=_options(settings, home, egress.address()),
        )
        self._driver.set_page_load_timeout(PAGE_LOAD_S)
        self._driver.set_script_timeout(SCRIPT_S)
        self._devtools = DevTools(
            self._driver.capabilities["goog:chromeOptions"]["debuggerAddress"]
        )
        self._tabs = Tabs(self._driver, self._devtools)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def open_page(self, proxy: str = DEFAULT) -> Iterator[BrowserPage]:
        """A page of a fresh context: no cookie, storage or cache of another one.

        Args:
            proxy: Name of the proxy that its traffic goes through.

        Raises:
            BrowserLostError: the browser is gone.
            ProxyUnknownError: the settings have no proxy of this name.
        """
        way_out = self._egress.address(proxy)
        with browser_errors():
            tab = self._tabs.take(way_out)
        page = BrowserPage(self._driver, self._devtools, tab.target)
        try:
            yield page
        except BrowserLostError:
            raise  # one that hangs would hold us up once more
        except BaseException:
            page.close()
            self._tabs.leave(tab)
            raise
        page.close()
        self._tabs.leave(tab)

    def prepare(self) -> None:
        """Close the pages that were left and have the next one ready: work for idle time.

        Raises:
            BrowserLostError: the browser is gone.
        """
        way_out = self._egress.address()
        with browser_errors():
            self._tabs.prepare(way_out)

    @property
    def pid(self) -> int:
        """The driver's process, and the id of the group of all its processes."""
        return self._group.pid

    @property
    def is_alive(self) -> bool:
        """Whether the driver runs. Chromium itself is known to be gone by the next call only."""
        return self._group.is_alive

    def memory_bytes(self) -> int:
        """Memory of the driver and all of Chromium's processes."""
        return self._group.memory_bytes()

    def kill(self) -> None:
        """End it at once, from any thread: a call that blocks raises ``BrowserLostError``.

        ``close`` is still needed.
        """
        self._group.kill()

    def close(self) -> None:
        """Quit within five seconds, else kill; returns when no process and no profile is left."""
        if self._group.is_alive:
            self._config.timeout = int(QUIT_S)
            with suppress(BrowserLostError), browser_errors():
                self._devtools.close()
                self._driver.execute(Command.QUIT)
        _remove(self._group, self._home)
        self._egress.close()


def _options(settings: Settings, home: Path, way_out: str) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = shutil.which(settings.chromium) or settings.chromium
    options.page_load_strategy = "eager"
    options.unhandled_prompt_behavior = "dismiss"
    flags = [
        *FLAGS,
        *ONLY_THROUGH_EGRESS,
        f"--proxy-server={way_out}",
        f"--user-data-dir={home / 'profile'}",
        f"--lang={settings.browser_language}",
        f"--accept-lang={settings.browser_language}",
    ]
    if settings.browser_user_agent:
        flags.append(f"--user-agent={settings.browser_user_agent}")
    if not settings.browser_sandbox:
        flags.append("--no-sandbox")
    shared = Path(SHARED_MEMORY)
    if not shared.is_dir() or shutil.disk_usage(shared).total < SMALL_SHM_BYTES:
        flags.append("--disable-dev-shm-usage")
    for flag in flags:
        options.add_argument(flag)
    return options


def _remove(group: ProcessGroup, home: Path) -> None:
    group.close()
    shutil.rmtree(home, ignore_errors=True)


def _remove_left_homes() -> None:
    """Remove the profiles of processes that were killed; their browsers ended with them."""
    for home in Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}*"):
        owner = home.name.removeprefix(HOME_PREFIX).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(home, ignore_errors=True)
