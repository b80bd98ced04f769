"""HTTP 429 and its kin at the page itself: pure rules, and a real Chromium that meets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from scrapers.browser import Browser
from scrapers.main_document import LONGEST_RETRY_AFTER_S, MainDocument
from streams.errors import TargetRefusedError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAPS = "https://www.google.com/maps/place/x"
SORRY = "https://www.google.com/sorry/index?continue=x"
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/fine": (200, {}, b"<p>fine</p><iframe src='/too-many'></iframe>"),
    "/too-many": (429, {"Retry-After": "7"}, b"<p>slow down</p>"),
    "/too-many-and-empty": (429, {}, b""),
    "/moved": (302, {"Location": "/sorry/index"}, b""),
    "/sorry/index": (429, {}, b"<form id='captcha-form'></form>"),
    "/busy": (503, {"Retry-After": "30"}, b"<p>busy</p>"),
    "/broken": (503, {}, b"<p>broken</p>"),
}


@pytest.mark.parametrize(
    ("status", "url", "retry_after", "expected"),
    [
        (200, MAPS, "5", None),
        (0, "", "", None),
        (404, MAPS, "", None),
        (503, MAPS, "", None),
        (503, MAPS, "soon", None),
        (503, MAPS, "30", ("blocked", True, 30.0)),
        (429, MAPS, "", ("blocked", True, None)),
        (429, MAPS, "120", ("blocked", True, 120.0)),
        (429, MAPS, "Sun, 22 Nov 2026 12:01:00 GMT", ("blocked", True, 60.0)),
        (429, MAPS, "999999999", ("blocked", True, LONGEST_RETRY_AFTER_S)),
        (429, SORRY, "", ("captcha", False, None)),
        (429, SORRY, "60", ("captcha", True, 60.0)),
    ],
)
def test_an_answer_says_whether_the_site_wants_us(
    status: int, url: str, retry_after: str, expected: tuple[str, bool, float | None] | None
) -> None:
    headers = {"retry-after": retry_after} if retry_after else {}
    refusal = MainDocument(status=status, url=url, headers=headers).refusal(NOW)
    got = refusal and (refusal.outcome, refusal.may_retry, refusal.retry_after_s)
    assert got == expected


@pytest.fixture(scope="module")
def moody_site() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = ANSWERS.get(urlsplit(self.path).path, (404, {}, b"no"))
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "outcome", "retry_after_s"),
    [
        ("/too-many", "blocked", 7.0),
        ("/too-many-and-empty", "blocked", None),
        ("/moved", "captcha", None),
        ("/busy", "blocked", 30.0),
    ],
)
def test_a_page_that_is_refused_names_the_sites_wish(
    browser: Browser, moody_site: str, path: str, outcome: str, retry_after_s: float | None
) -> None:
    with browser.open_page() as page:
        with pytest.raises(TargetRefusedError) as refused:
            page.open(moody_site + path)
        assert (refused.value.outcome, refused.value.retry_after_s) == (outcome, retry_after_s)
        page.open(f"{moody_site}/fine")  # the page can be used on
        assert "fine" in page.html()


def test_only_the_page_itself_counts(browser: Browser, moody_site: str) -> None:
    with browser.open_page() as page:
        page.open(f"{moody_site}/fine")  # with a frame that is refused
        page.open(f"{moody_site}/broken")  # the scraper sees what it is
        assert "broken" in page.html()
