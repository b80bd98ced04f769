"""Fresh tabs of one browser, each in a context of its own; the next one is made beforehand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from selenium.webdriver import Remote

from scrapers.browser_page import browser_errors
from scrapers.devtools import DevTools
from streams.errors import BrowserLostError

NO_EXCEPTION = "<-loopback>"
"""Without it Chromium goes directly to loopback and link-local addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """An empty tab that shares no cookie, storage or cache with another one."""

    target: str
    """DevTools' name of it, which is the driver's window handle as well."""
    context: str
    way_out: str
    """Address of the proxy that its traffic goes through."""


class Tabs:
    """Hands out tabs. Making and closing one takes some 200 ms, which no job should wait for."""

    def __init__(self, driver: Remote, devtools: DevTools) -> None:
        self._driver = driver
        self._devtools = devtools
        self._base_window = driver.current_window_handle
        self._ready: Tab | None = None
        self._left: list[Tab] = []

    def take(self, way_out: str) -> Tab:
        """A tab whose traffic goes through ``way_out``; the driver's current window."""
        ready, self._ready = self._ready, None
        if ready is not None and ready.way_out == way_out:
            return ready
        if ready is not None:
            self.leave(ready)
        self._close_left()
        return self._make(way_out)

    def leave(self, tab: Tab) -> None:
        """Nobody uses ``tab`` any more; it is closed in idle time, or before the next is made."""
        self._left.append(tab)

    def prepare(self, way_out: str) -> None:
        """Close what was left, and make the tab that the next ``take`` is expected to ask for."""
        self._close_left()
        if self._ready is None:
            self._ready = self._make(way_out)

    def _make(self, way_out: str) -> Tab:
        context = self._devtools.call(
            "Target.createBrowserContext", proxyServer=way_out, proxyBypassList=NO_EXCEPTION
        )["browserContextId"]
        self._devtools.call(
            "Browser.setDownloadBehavior", behavior="deny", browserContextId=context
        )
        target = self._devtools.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]
        self._driver.switch_to.window(target)
        return Tab(target=target, context=context, way_out=way_out)

    def _close_left(self) -> None:
        left, self._left = self._left, []
        for tab in left:
            with suppress(BrowserLostError), browser_errors():
                self._devtools.call("Target.disposeBrowserContext", browserContextId=tab.context)
        if left and self._ready is None:
            with suppress(BrowserLostError), browser_errors():
                self._driver.switch_to.window(self._base_window)
