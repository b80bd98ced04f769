"""The way out of a browser, with real sockets: who is reached, who is not, and through whom."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from prometheus_client import CollectorRegistry
from python_socks import ProxyError, ProxyType
from python_socks.sync import Proxy

from scrapers.access_metrics import AccessMetrics
from scrapers.egress import Egress
from scrapers.socks5 import Reply
from streams.errors import InvalidSettingError, ProxyUnknownError
from streams.settings import Settings
from tests.support.upstream import PASSWORD, USER, http_proxy, line_server, socks5_proxy

HELLO = b"hello\n"
WAIT_S = 10.0
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"


@contextmanager
def egress(settings: Settings, metrics: AccessMetrics | None = None) -> Iterator[Egress]:
    way_out = Egress(settings, metrics)
    way_out.start()
    try:
        yield way_out
    finally:
        way_out.close()


def connect(way_out: Egress, host: str, port: int, route: str = "") -> socket.socket:
    """As a browser does: it leaves the name to the proxy."""
    at = urlsplit(way_out.address(route))
    proxy = Proxy(ProxyType.SOCKS5, at.hostname or "", at.port or 0, rdns=True)
    return proxy.connect(host, port, timeout=WAIT_S)


def said_back(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rwb", buffering=0) as file:
        file.write(HELLO)
        return file.readline()


def own_site(port: int, **more: object) -> Settings:
    """Settings in which the line server is a site of ours."""
    return Settings(maps_hosts=(f"127.0.0.1:{port}",), **more)  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[int]:
    with line_server() as port:
        yield port


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "100.100.100.200",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "64:ff9b::7f00:1",
        "localhost",
        "LOCALHOST.",
        "0x7f.1",
        "2130706433",
    ],
)
def test_what_is_not_public_is_not_reached(site: int, host: str) -> None:
    registry = CollectorRegistry()
    with egress(Settings(), AccessMetrics(registry)) as way_out:
        with pytest.raises(ProxyError) as refused:
            connect(way_out, host, site)
        # A machine without IPv6 cannot resolve such an address at all: not reached either.
        assert refused.value.error_code in {Reply.NOT_ALLOWED, Reply.HOST_UNREACHABLE}
    if "." in host and ":" not in host:
        assert registry.get_sample_value("scraper_egress_refused_total") == 1


def test_a_page_that_asks_again_and_again_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with egress(Settings()) as way_out:
        for port in (80, 80, 80, 81):
            with pytest.raises(ProxyError):
                connect(way_out, "10.0.0.1", port)
    refused = [record for record in caplog.records if record.message == "egress refused"]
    assert [record.__dict__["port"] for record in refused] == [80, 81]


def test_a_name_counts_by_what_it_resolves_to(site: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = socket.getaddrinfo

    def poisoned(host: str, *args: Any, **more: Any) -> Any:
        return ask("127.0.0.1" if host == "maps.example.com" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", poisoned)
    with egress(own_site(site)) as way_out, pytest.raises(ProxyError) as refused:
        connect(way_out, "maps.example.com", site)
    assert refused.value.error_code == Reply.NOT_ALLOWED


def test_a_site_of_ours_is_reached_at_its_port_alone_and_bytes_are_counted(site: int) -> None:
    registry = CollectorRegistry()
    with egress(own_site(site), AccessMetrics(registry)) as way_out, line_server() as other:
        assert said_back(connect(way_out, "127.0.0.1", site)) == HELLO
        with pytest.raises(ProxyError):
            connect(way_out, "127.0.0.1", other)
    for direction in ("sent", "received"):
        count = registry.get_sample_value("scraper_egress_bytes_total", {"direction": direction})
        assert count == len(HELLO)


def test_a_network_that_the_operator_allows_is_reached(site: int) -> None:
    with egress(Settings(browser_allow=("127.0.0.0/8",))) as way_out:
        assert said_back(connect(way_out, "127.0.0.1", site)) == HELLO
        assert said_back(connect(way_out, "localhost", site)) == HELLO


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(InvalidSettingError, match="BROWSER_ALLOW"):
        Egress(Settings(browser_allow=("intranet",)))


def test_a_closed_port_and_an_unknown_name_are_told_apart() -> None:
    with egress(Settings(browser_allow=("127.0.0.1/32",))) as way_out:
        with pytest.raises(ProxyError) as closed:
            connect(way_out, "127.0.0.1", 1)
        with pytest.raises(ProxyError) as unknown:
            connect(way_out, "no-such-host.invalid", 80)
    assert closed.value.error_code == Reply.REFUSED
    assert unknown.value.error_code == Reply.HOST_UNREACHABLE


@pytest.mark.parametrize(
    ("server", "scheme"), [(http_proxy, "http"), (socks5_proxy, "socks5")], ids=["http", "socks5"]
)
def test_a_named_proxy_gets_its_login_and_the_checked_address(
    server: object, scheme: str, site: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with server() as upstream:  # type: ignore[operator]
        named = (f"berlin={scheme}://{LOGIN}@127.0.0.1:{upstream.port}",)
        with egress(own_site(site, proxies=named)) as way_out:
            assert said_back(connect(way_out, "127.0.0.1", site, "berlin")) == HELLO
            assert upstream.asked == [("127.0.0.1", site)]
            assert said_back(connect(way_out, "127.0.0.1", site)) == HELLO  # straight
            for host in ("169.254.169.254", "localhost"):
                with pytest.raises(ProxyError) as refused:
                    connect(way_out, host, 80, "berlin")
                assert refused.value.error_code == Reply.NOT_ALLOWED
            assert upstream.asked == [("127.0.0.1", site)]
    assert caplog.records  # of the refused ones
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("server", "scheme"), [(http_proxy, "http"), (socks5_proxy, "socks5")], ids=["http", "socks5"]
)
def test_a_wrong_login_reaches_nothing_and_is_in_no_log_line(
    server: object, scheme: str, site: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with server() as upstream:  # type: ignore[operator]
        proxy = f"{scheme}://wrong-user:wrong-password@127.0.0.1:{upstream.port}"
        with egress(own_site(site, proxy=proxy)) as way_out, pytest.raises(ProxyError) as refused:
            connect(way_out, "127.0.0.1", site)
        assert (upstream.asked, upstream.refused) == ([], 1)
    assert refused.value.error_code == Reply.REFUSED
    assert "did not connect" in caplog.text
    assert "wrong-" not in "".join(str(record.__dict__) for record in caplog.records)


def test_a_proxy_may_be_trusted_with_names_but_not_with_private_addresses() -> None:
    with socks5_proxy() as upstream:
        proxy = f"socks5://{LOGIN}@127.0.0.1:{upstream.port}"
        with egress(Settings(proxy=proxy, proxy_dns=True)) as way_out:
            connect_to = ("no-such-host.invalid", 80)
            with pytest.raises(ProxyError):
                connect(way_out, *connect_to)
            assert upstream.asked == [connect_to]
            for host in ("10.0.0.1", "localhost", "a.localhost"):
                with pytest.raises(ProxyError) as refused:
                    connect(way_out, host, 80)
                assert refused.value.error_code == Reply.NOT_ALLOWED
            assert len(upstream.asked) == 1


def test_a_proxy_of_another_name_is_unknown() -> None:
    with egress(Settings()) as way_out, pytest.raises(ProxyUnknownError, match="paris"):
        way_out.address("paris")


def test_closing_drops_what_is_connected_and_frees_the_port(site: int) -> None:
    way_out = Egress(own_site(site))
    way_out.start()
    connection = connect(way_out, "127.0.0.1", site)
    at = urlsplit(way_out.address())
    way_out.close()
    assert connection.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((at.hostname or "", at.port or 0), timeout=WAIT_S)
    way_out.close()  # twice is once


def test_whoever_asks_for_something_else_is_told_and_hung_up_on() -> None:
    with egress(Settings()) as way_out:
        at = urlsplit(way_out.address())
        for said, answered in (
            (b"GET / HTTP/1.1\r\n" + b"x" * 200, b""),
            (b"\x05\x01\x02", b"\x05\xff"),  # login wanted
            (b"\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x00\x05\x07"),  # BIND
            # No name server takes such a label, and the resolver says so in its own way.
            (b"\x05\x01\x00\x05\x01\x00\x03F" + b"a" * 70 + b"\x00\x50", b"\x05\x00\x05\x04"),
            (b"\x05\x01\x00\x05\x01\x00\x03\x01\xff\x00\x50", b"\x05\x00"),
        ):
            with socket.create_connection((at.hostname or "", at.port or 0), WAIT_S) as client:
                client.sendall(said)
                client.shutdown(socket.SHUT_WR)
                got = b""
                while more := client.recv(64):
                    got += more
                assert got.startswith(answered)
