"""A person opens the page in a browser, submits a place and watches it to its end."""

from __future__ import annotations

import os

from scrapers.browser import Browser
from streams.settings import Settings
from tests.support.system import System

REVIEWS = 40
SUBMIT = """
const field = document.querySelector("#url");
field.value = arguments[0];
field.form.requestSubmit();
"""
FINISHED = """
const row = [...document.querySelectorAll("#jobs tr")].find(
  (each) => each.querySelector(".place").title === arguments[0]);
return row && row.querySelector(".status").textContent === "completed"
  && row.querySelector(".reviews").textContent;
"""
LOADED = "return document.querySelector('#health').textContent !== '…';"
MESSAGE = "return document.querySelector('#message').textContent;"


def test_submitting_and_watching_in_a_browser(system: System) -> None:
    settings = Settings(browser_sandbox=os.geteuid() != 0, browser_allow=("127.0.0.1/32",))
    url = system.place(REVIEWS, latency_ms=50)
    with Browser.start(settings) as browser, browser.open_page() as page:
        page.open(system.addresses()["api"])
        assert page.wait_for(LOADED, timeout_s=10)
        page.run(SUBMIT, url)
        assert page.wait_for(FINISHED, url, timeout_s=30) == f"{REVIEWS} of {REVIEWS}"
        page.run(SUBMIT, "https://example.com/")
        assert "no scraper accepts" in page.wait_for(MESSAGE, timeout_s=10)
