"""What a scraper gets that needs no browser: a page that only passes time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from scrapers.contract import Page
from streams.errors import BrowserLostError


class BarePage:
    """``scrapers.contract.Page`` without a browser behind it."""

    def __init__(self, is_killed: threading.Event) -> None:
        self._is_killed = is_killed
        self.url = ""

    def open(self, url: str) -> None:
        """Remember the address."""
        self._check()
        self.url = url

    def run(self, script: str, *args: Any) -> Any:
        """There is nothing to run a script in: None."""
        self._check()

    def wait_for(self, script: str, *args: Any, timeout_s: float) -> Any:
        """Wait ``timeout_s``; None, as nothing ever comes true here."""
        self._is_killed.wait(timeout_s)
        self._check()

    def html(self) -> str:
        """An empty document."""
        self._check()
        return ""

    def tidy(self) -> None:
        """There is nothing to free."""

    def listen(self, pattern: str) -> None:
        """Nobody answers here."""

    def answers(self) -> Sequence[str]:
        """None ever come."""
        return ()

    def _check(self) -> None:
        if self._is_killed.is_set():
            raise BrowserLostError("stopped")


class NoBrowser:
    """``scrapers.contract.SlotBrowser`` for scrapers that need none."""

    def __init__(self) -> None:
        self._is_killed = threading.Event()

    @contextmanager
    def open_page(self, proxy: str = "") -> Iterator[Page]:
        """A page that shares nothing with earlier ones."""
        yield BarePage(self._is_killed)

    def prepare(self) -> None:
        """A page of this kind costs nothing to make."""

    def memory_bytes(self) -> int:
        """It has no process."""
        return 0

    def kill(self) -> None:
        """End it at once, from any thread."""
        self._is_killed.set()

    def close(self) -> None:
        """End it; there is nothing to clean up."""
        self._is_killed.set()
