"""A tab's network answers, heard through a real Chromium; the site is our own server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scrapers import network_listener
from scrapers.browser import Browser
from scrapers.browser_page import BrowserPage
from streams.errors import BrowserLostError
from streams.settings import Settings

ASK = """
const [urls] = arguments;
window.got = null;
(async () => {
  const got = [];
  for (const url of urls)
    got.push(await fetch(url, { method: 'POST', body: 'x' }).then((r) => r.text(), String));
  window.got = got;
})();
"""
GOT = "return window.got && window.got.map((text) => text.length)"


class Echo(BaseHTTPRequestHandler):
    """Answers ``/NAME/SIZE`` with the name and as many bytes; anything else is a page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"<!DOCTYPE html><title>page</title>", "text/html")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        name, size = self.path.split("?")[0].strip("/").split("/")
        text = name + "\u00e9" + "." * int(size)
        self._answer(text.encode(), "application/json", 404 if name == "lost" else 200)

    def _answer(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep silent."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@contextmanager
def listening(browser: Browser, server: str, pattern: str) -> Iterator[BrowserPage]:
    with browser.open_page() as page:
        page.listen(pattern)
        page.open(f"{server}/")
        yield page


def ask(page: BrowserPage, *urls: str) -> None:
    """Let the page's own script ask; returns when it has read all the answers."""
    page.run(ASK, list(urls))
    assert page.wait_for(GOT, timeout_s=20) is not None


def test_answers_of_matching_urls_are_heard_once_and_in_order(
    browser: Browser, server: str
) -> None:
    with listening(browser, server, r"/reviews/\d+\?") as page:
        assert page.answers() == ()
        ask(page, "/reviews/1?a", "/other/1?a", "/reviews/2?b", "/lost/1?reviews/1?")
        assert page.answers() == ("reviews\u00e9.", "reviews\u00e9..")
        assert page.answers() == ()
        ask(page, "/reviews/3?c")
        assert page.answers() == ("reviews\u00e9...",)


def test_what_a_page_has_shown_was_heard_before(browser: Browser, server: str) -> None:
    """The order that a scrape relies on: the answer is there when its card is."""
    with listening(browser, server, "/reviews/") as page:
        for number in range(60):
            ask(page, f"/reviews/{number}?")
            assert len(page.answers()) == 1, number


def test_nobody_who_does_not_listen_hears_anything(browser: Browser, server: str) -> None:
    with browser.open_page() as page:
        page.open(f"{server}/")
        ask(page, "/reviews/1?")
        assert page.answers() == ()


def test_answers_are_heard_after_a_new_document(browser: Browser, server: str) -> None:
    with listening(browser, server, "/reviews/") as page:
        ask(page, "/reviews/1?")
        page.open(f"{server}/another")
        ask(page, "/reviews/2?")
        assert page.answers()[-1] == "reviews\u00e9.."


def test_long_answers_are_passed_over_and_the_oldest_go_first(
    browser: Browser, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_listener, "MAX_BODY_BYTES", 100_000)
    monkeypatch.setattr(network_listener, "MAX_KEPT_BYTES", 150_000)
    with listening(browser, server, "/reviews/") as page:
        sizes = (90_000, 200_000, 80_000, 60_000)
        ask(page, *(f"/reviews/{size}?" for size in sizes))
        assert [len(body) - 8 for body in page.answers()] == [80_000, 60_000]


def test_a_tab_hears_nothing_of_an_earlier_one(browser: Browser, server: str) -> None:
    with listening(browser, server, "/reviews/") as first:
        ask(first, "/reviews/1?")
    with listening(browser, server, "/reviews/") as second:
        ask(second, "/reviews/2?")
        assert second.answers() == ("reviews\u00e9..",)


def test_a_lost_browser_is_told_by_the_next_look(settings: Settings, server: str) -> None:
    with (
        Browser.start(settings) as browser,
        suppress(BrowserLostError),
        listening(browser, server, "/reviews/") as page,
    ):
        ask(page, "/reviews/1?")
        browser.kill()
        with pytest.raises(BrowserLostError):
            page.answers()


def test_a_page_that_hangs_holds_nobody_up(
    browser: Browser, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look returns without what a busy page cannot tell; a later one has it."""
    monkeypatch.setattr(network_listener, "WAIT_S", 0.2)
    with listening(browser, server, "/reviews/") as page:
        ask(page, "/reviews/1?")
        page.run("setTimeout(() => { for (const end = Date.now() + 2000; Date.now() < end;); })")
        heard = [*page.answers(), *page.answers()]
        monkeypatch.setattr(network_listener, "WAIT_S", 20)
        heard += [*page.answers(), *page.answers()]
        assert heard == ["reviews\u00e9."]
