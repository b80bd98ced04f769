"""A review scraper as the popular ones are written: scroll, pause, then read field by field.

Fair where it can be: the same browser and flags, no images, "More" opened once at the end.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from scrapers.browser import FLAGS

PAUSE_S = 1.0
"""Fixed, as in the scrapers that this one follows; theirs are 1 to 3 s."""
IDLE_ROUNDS = 3
FIELDS = {
    "author_name": ".d4r55",
    "rating": "span.kvMYJc",
    "relative_date": "span.rsqaWe",
    "text": ".MyEned .wiI7pd",
    "likes": "span.pkWtMe",
    "owner_response_text": ".CDe7pd .wiI7pd",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicRun:
    """What it found, and when."""

    reviews: int
    """Distinct reviews read."""
    scroll_s: float
    """Until the list did not grow any more, seconds."""
    read_s: float
    """To read the fields of all cards, seconds."""


def scrape(url: str) -> ClassicRun:
    """Every review of the place at ``url``, in a browser of its own. Blocks."""
    options = ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.binary_location = "/usr/bin/chromium"
    with Chrome(options=options, service=Service("/usr/bin/chromedriver")) as driver:
        driver.get(url)
        driver.implicitly_wait(5)
        driver.find_element(By.CSS_SELECTOR, "button[aria-label^='Reviews for']").click()
        panel = driver.find_element(By.CSS_SELECTOR, "div.m6QErb.DxyBCb.kA9KIf.dS8AEf")
        driver.find_element(By.CSS_SELECTOR, "div.jftiEf")
        driver.implicitly_wait(0)
        began_s = time.monotonic()
        _scroll(driver, panel)
        scrolled_s = time.monotonic()
        for more in driver.find_elements(By.CSS_SELECTOR, "button[jsaction*='.expandReview']"):
            driver.execute_script("arguments[0].click()", more)
        reviews = [_read(card) for card in driver.find_elements(By.CSS_SELECTOR, "div.jftiEf")]
        read_s = time.monotonic() - scrolled_s
    return ClassicRun(
        reviews=len({review["review_id"] for review in reviews}),
        scroll_s=scrolled_s - began_s,
        read_s=read_s,
    )


def _scroll(driver: Chrome, panel: WebElement) -> None:
    known, idle = -1, 0
    while idle < IDLE_ROUNDS:
        driver.execute_script("arguments[0].scrollTop = arguments[0].scrollHeight", panel)
        time.sleep(PAUSE_S)
        count = len(driver.find_elements(By.CSS_SELECTOR, "div.jftiEf"))
        idle = idle + 1 if count == known else 0
        known = count


def _read(card: WebElement) -> dict[str, Any]:
    review: dict[str, Any] = {"review_id": card.get_attribute("data-review-id")}
    for field, selector in FIELDS.items():
        review[field] = None
        with suppress(NoSuchElementException):
            found = card.find_element(By.CSS_SELECTOR, selector)
            shown = found.get_attribute("aria-label") if field == "rating" else found.text
            review[field] = shown
    return review
