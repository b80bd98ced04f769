"""One demo site and one browser for all tests of scrapers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.demo_site import DemoSettings, open_demo_site
from scrapers.browser import Browser
from streams.settings import Settings

FIXTURES = Path(__file__).parents[2].parent / "shared" / "fixtures"


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Chromium's sandbox cannot work for root; the sites of tests are on loopback."""
    return Settings(browser_sandbox=os.geteuid() != 0, browser_allow=("127.0.0.1/32",))


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Address of a demo site without latency."""
    with open_demo_site(DemoSettings(latency_ms=0)) as address:
        yield address


@pytest.fixture(scope="session")
def browser(settings: Settings) -> Iterator[Browser]:
    """A warm browser; each test opens its own page."""
    with Browser.start(settings) as warm:
        yield warm


@pytest.fixture
def real_page() -> dict[str, str]:
    """Saved pages of Google Maps by file name; other people's text, so not in our repository."""
    folder = FIXTURES / "maps"
    if not folder.is_dir():
        pytest.skip(f"no real pages in {folder}")
    return {page.name: page.read_text(encoding="utf-8") for page in folder.glob("*.html")}
