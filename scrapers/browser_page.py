"""One tab of Chromium as the scrapers' ``Page``, and what the driver's errors mean."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from selenium.common.exceptions import JavascriptException, TimeoutException, WebDriverException
from selenium.webdriver import Remote
from urllib3.exceptions import HTTPError
from websocket import WebSocketException

from scrapers.devtools import DevTools, DevToolsError
from scrapers.main_document import watched_document
from scrapers.network_listener import NetworkListener
from streams.errors import BrowserLostError, TargetRefusedError

PAGE_LOAD_S = 30.0
SCRIPT_S = 15.0
WAIT_STEP_S = 3.0
"""Longest wait in one script."""
WAIT_SCRIPT_S = WAIT_STEP_S + 3.0
"""When a waiting script must have answered."""

EMPTY = "about:blank"
"""What a tab keeps showing when the browser's network process dies as it is sent to an address.

The driver says that all is well. Chromium starts that process anew, so a second try will do.
"""

_NAVIGATED = ("document unloaded", "aborted by navigation", "frame was detached")
"""A script was cut off by a new document: ask again."""

_WAIT = """
const done = arguments[arguments.length - 1];
const end = performance.now() + arguments[1];
const probe = function() { %s };
const given = arguments[0];
let timer, observer, isQueued = false, isOver = false;
const finish = (value) => {
  isOver = true; clearInterval(timer); observer.disconnect(); done(value);
};
const look = () => {
  isQueued = false;
  if (isOver) return;
  try {
    const value = probe.apply(null, given);
    if (value) finish({ value });
    else if (performance.now() >= end) finish({ value: null });
  } catch (error) { finish({ error: String(error) }); }
};
observer = new MutationObserver(() => {
  if (!isQueued) { isQueued = true; setTimeout(look, 0); }
});
const all = { subtree: true, childList: true, attributes: true, characterData: true };
observer.observe(document, all);
timer = setInterval(look, 40);
look();
"""
"""Looks at each change of the page, and each 40 ms for what changes without one."""


@contextmanager
def browser_errors() -> Iterator[None]:
    """Turn what the driver raises into our errors, here and nowhere else.

    A script of ours that fails means a page that is not as we know it. Anything else (tab
    crashed, invalid session, no such window, connection refused, a script that hangs, ...)
    leaves a browser whose state nobody knows: lost.
    """
    try:
        yield
    except JavascriptException as error:
        raise _script_failed(error.msg or "") from error
    except (WebDriverException, DevToolsError, WebSocketException) as error:
        raise BrowserLostError(f"the browser was lost: {_first_line(error)}") from error
    except (HTTPError, HTTPException, OSError) as error:
        raise BrowserLostError(f"the browser does not answer: {type(error).__name__}") from error


class BrowserPage:
    """The ``Page`` of ``scrapers.contract`` on a tab of Chromium."""

    def __init__(self, driver: Remote, devtools: DevTools, target: str) -> None:
        """Take the tab ``target``, which is the driver's current window."""
        self._driver = driver
        self._devtools = devtools
        self._target = target
        self._listener: NetworkListener | None = None

    @property
    def url(self) -> str:
        """The address after redirects."""
        with browser_errors():
            return self._driver.current_url

    def open(self, url: str) -> None:
        """Load ``url``; returns when its document is there."""
        if urlsplit(url).scheme not in {"http", "https"}:
            raise TargetRefusedError("not_a_place", "only http and https addresses are opened")
        for _ in range(2):
            with browser_errors():
                with watched_document(self._devtools, self._target) as document:
                    failure = self._get(url)
                shown = str(self._driver.execute_script("return document.URL"))
            if shown != EMPTY:
                break
        if refusal := document.refusal(datetime.now(UTC)):
            raise refusal
        if failure:
            raise _not_loaded(failure)
        if shown.startswith("chrome-error:"):  # the driver keeps silent about some errors
            raise _not_loaded("the browser shows an error page")
        if shown == EMPTY:
            raise _not_loaded("the browser shows nothing")

    def run(self, script: str, *args: Any) -> Any:
        """Run JavaScript with ``arguments``; returns its JSON value."""
        with browser_errors():
            return self._driver.execute_script(script, *args)

    def wait_for(self, script: str, *args: Any, timeout_s: float) -> Any:
        """Evaluate ``script`` at each change of the page until its value is true."""
        end = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, end - time.monotonic())
            answer = self._look(script, args, min(left_s, WAIT_STEP_S))
            if "error" in answer:
                raise _script_failed(answer["error"])
            if answer["value"] or time.monotonic() >= end:
                return answer["value"] or None

    def html(self) -> str:
        """The document as it stands."""
        with browser_errors():
            return self._driver.page_source

    def listen(self, pattern: str) -> None:
        """Keep the network answers whose URL matches ``pattern`` from now on."""
        self.close()
        with browser_errors():
            self._listener = NetworkListener(self._devtools, self._target, pattern)

    def answers(self) -> Sequence[str]:
        """Bodies that have arrived since the last call; none unless somebody listens."""
        if self._listener is None:
            return ()
        with browser_errors():
            return self._listener.answers()

    def close(self) -> None:
        """Stop listening; the tab itself is the browser's to close."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def tidy(self) -> None:
        """Collect the heap's garbage, and drop the console's messages, which hold objects."""
        with browser_errors():
            for method in ("Runtime.discardConsoleEntries", "HeapProfiler.collectGarbage"):
                self._driver.execute("executeCdpCommand", {"cmd": method, "params": {}})

    def _get(self, url: str) -> str:
        """Send the tab to ``url``; returns the network's error, empty when it loads."""
        try:
            self._driver.get(url)
        except TimeoutException:
            raise TargetRefusedError(
                "not_rendered", f"the page did not load within {PAGE_LOAD_S:.0f} s", may_retry=True
            ) from None
        except WebDriverException as error:
            reason = re.search(r"net::ERR_\w+", error.msg or "")
            if reason is None:
                raise
            return reason[0]
        return ""

    def _look(self, script: str, args: tuple[Any, ...], timeout_s: float) -> dict[str, Any]:
        with browser_errors():
            self._driver.set_script_timeout(WAIT_SCRIPT_S)
            answer = self._looked(script, args, timeout_s)
            # Not after an error: a driver that was silent once would be waited for again.
            self._driver.set_script_timeout(SCRIPT_S)
        return answer or {"value": None}

    def _looked(self, script: str, args: tuple[Any, ...], timeout_s: float) -> Any:
        try:
            return self._driver.execute_async_script(_WAIT % script, list(args), timeout_s * 1_000)
        except TimeoutException:
            # The script went with its document, and the driver did not notice; or the page
            # hangs, and then this raises as well.
            self._driver.execute_script("return 1")
        except WebDriverException as error:
            if not any(text in (error.msg or "") for text in _NAVIGATED):
                raise
        return None


def _not_loaded(reason: str) -> TargetRefusedError:
    return TargetRefusedError("not_rendered", f"the page did not load: {reason}", may_retry=True)


def _script_failed(message: str) -> TargetRefusedError:
    reason = message.splitlines()[0] if message else "unknown"
    return TargetRefusedError(
        "not_rendered", f"a script failed in the page: {reason}", may_retry=True
    )


def _first_line(error: Exception) -> str:
    text = (getattr(error, "msg", None) or str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__
