"""A real Chromium and its only way out: nothing private is reached, proxies are chosen by page."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit

import psutil
import pytest

from scrapers.browser import Browser
from streams.errors import ProxyUnknownError, TargetRefusedError
from streams.settings import Settings
from tests.support.upstream import PASSWORD, USER, Upstream, http_proxy, socks5_proxy

LOOK_FOR = """
const done = arguments[arguments.length - 1];
fetch(arguments[0], { mode: "no-cors" }).then(() => done("reached"), () => done("not reached"));
"""
HEADERS: list[tuple[str, str]] = []
"""User-Agent and Accept-Language of each request to the redirecting site."""
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"


@pytest.fixture(scope="module")
def private_site() -> Iterator[tuple[str, list[str]]]:
    """A site on loopback that no setting names: its address, and the paths that were asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def redirecting_site(private_site: tuple[str, list[str]]) -> Iterator[str]:
    """As a short link does, it leads to the private site. Keeps what browsers say of themselves."""

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            HEADERS.append((self.headers["User-Agent"], self.headers["Accept-Language"]))
            self.send_response(302)
            self.send_header("Location", f"{private_site[0]}/redirected")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    with http_proxy() as http, socks5_proxy() as socks5:
        yield {"http": http, "socks5": socks5}


@pytest.fixture(scope="module")
def strict_browser(
    site: str, redirecting_site: str, upstreams: dict[str, Upstream]
) -> Iterator[Browser]:
    """As in production: only what the settings name is reached on loopback."""
    settings = Settings(
        browser_sandbox=os.geteuid() != 0,
        maps_hosts=(urlsplit(site).netloc, urlsplit(redirecting_site).netloc),
        proxies=tuple(
            f"{name}-proxy={name}://{LOGIN}@127.0.0.1:{upstream.port}"
            for name, upstream in upstreams.items()
        ),
        browser_language="de-AT",
        browser_user_agent="Scrapestream/test",
    )
    with Browser.start(settings) as browser:
        yield browser


def test_a_redirect_to_a_private_address_is_not_followed(
    strict_browser: Browser, redirecting_site: str, private_site: tuple[str, list[str]]
) -> None:
    with strict_browser.open_page() as page:
        with pytest.raises(TargetRefusedError) as refused:
            page.open(f"{redirecting_site}/maps/x")
        assert refused.value.outcome == "not_rendered"
        with pytest.raises(TargetRefusedError):
            page.open(f"{private_site[0]}/direct")
    assert private_site[1] == []


def test_a_page_cannot_look_around_in_our_network(
    strict_browser: Browser, site: str, private_site: tuple[str, list[str]]
) -> None:
    port = urlsplit(private_site[0]).port
    with strict_browser.open_page() as page:
        page.open(f"{site}/about")
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
            script = LOOK_FOR.replace("arguments[arguments.length - 1]", "(v) => { window.v = v }")
            page.run(script, f"http://{host}:{port}/{host}")
            found = page.wait_for("const v = window.v; window.v = null; return v", timeout_s=10)
            assert found == "not reached", host
    assert private_site[1] == []


@pytest.mark.parametrize("name", ["http", "socks5"])
def test_a_page_takes_the_proxy_that_it_is_given_and_the_next_one_does_not(
    strict_browser: Browser,
    site: str,
    upstreams: dict[str, Upstream],
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    host, port = urlsplit(site).hostname, urlsplit(site).port
    strict_browser.prepare()  # a page that is ready, and must not be taken
    with strict_browser.open_page(f"{name}-proxy") as page:
        page.open(f"{site}/about")
        assert page.run("return document.body.innerText.length") > 0
        with pytest.raises(TargetRefusedError):
            page.open("http://127.0.0.1:9/")
    asked = list(upstreams[name].asked)
    assert set(asked) == {(host, port)}
    with strict_browser.open_page() as page:
        page.open(f"{site}/about")
    assert upstreams[name].asked == asked
    assert PASSWORD not in "".join(str(record.__dict__) for record in caplog.records)


def test_a_proxy_that_is_not_there_opens_no_page(strict_browser: Browser) -> None:
    with pytest.raises(ProxyUnknownError, match="paris"), strict_browser.open_page("paris"):
        pass


def test_the_browser_speaks_the_language_and_has_the_name_that_are_set(
    strict_browser: Browser, site: str, redirecting_site: str
) -> None:
    with strict_browser.open_page() as page:
        page.open(f"{site}/about")
        assert page.run("return navigator.language") == "de-AT"
        assert page.run("return navigator.userAgent") == "Scrapestream/test"
        with pytest.raises(TargetRefusedError):
            page.open(redirecting_site)
    user_agent, language = HEADERS[-1]
    assert user_agent == "Scrapestream/test"
    assert language.startswith("de-AT,")


def test_a_browsers_processes_know_none_of_our_secrets(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://{LOGIN}@127.0.0.1:1"
    monkeypatch.setenv("SCRAPESTREAM_PROXY", proxy)
    with Browser.start(replace(settings, proxy=proxy)) as browser:
        told = [text for process in psutil.process_iter() if (text := _told(process, browser.pid))]
    assert len(told) > 3
    assert not [text for text in told if "SCRAPESTREAM_PROXY=" in text]
    assert not [text for text in told if quote(PASSWORD, safe="") in text]


def _told(process: psutil.Process, group: int) -> str:
    """Environment and command line of a process of ``group``; empty for others."""
    with suppress(psutil.Error, ProcessLookupError):
        if os.getpgid(process.pid) == group:
            environment = (f"{name}={value}" for name, value in process.environ().items())
            return " ".join([*environment, *process.cmdline()])
    return ""
