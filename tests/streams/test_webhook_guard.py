"""Which URLs and addresses webhooks may reach."""

from __future__ import annotations

import socket

import pytest

from streams.errors import InvalidRequestError, InvalidSettingError
from streams.settings import Settings
from streams.webhook_guard import (
    LONGEST_URL,
    AddressGuard,
    BlockedAddressError,
    check_webhook_url,
)

DEFAULT = Settings()
WITH_HTTP = Settings(webhook_http=True)

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",  # IPv4 inside IPv6
    "2001:4860:4860::8888",
    "2400:cb00::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",  # carrier-grade NAT
    "100.100.100.200",  # Alibaba's metadata
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # Azure's host agent
    "169.254.0.1",
    "169.254.169.254",  # metadata of most clouds
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",  # is_global says yes
    "192.0.0.192",  # Oracle's metadata
    "192.0.2.1",
    "192.88.99.1",  # is_global says yes
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",  # is_global says yes
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",  # IPv4-compatible: is_global says yes
    "64:ff9b::7f00:1",  # NAT64: is_global says yes
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a9fe:a9fe",  # local NAT64
    "100::1",  # discard
    "2001::1",  # Teredo
    "2001:2::1",  # benchmarking
    "2001:20::1",  # ORCHID
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1: is_global says yes
    "2002:808:808::1",
    "3fff::1",
    "4000::1",  # not assigned
    "5f00::1",  # segment routing
    "fc00::1",
    "fd00:ec2::254",  # Amazon's metadata
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",  # site-local: is_global says yes
    "ff02::1",
    "ff0e::1",  # global multicast: is_global says yes
    "",
    "localhost",
    "1.2.3",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressGuard(DEFAULT).allows(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_everything_else_is_refused(address: str) -> None:
    assert not AddressGuard(DEFAULT).allows(address)


def test_a_network_can_be_allowed_and_only_that_one() -> None:
    guard = AddressGuard(Settings(webhook_allow=("127.0.0.0/8", "fd00:1::/32", "10.1.2.3")))
    assert guard.allows("127.9.9.9")
    assert guard.allows("::ffff:127.0.0.1")
    assert guard.allows("fd00:1::5")
    assert guard.allows("10.1.2.3")
    assert not guard.allows("10.1.2.4")
    assert not guard.allows("::1")
    assert not guard.allows("fd00:2::5")


def test_a_network_that_is_none_stops_the_process() -> None:
    with pytest.raises(InvalidSettingError, match="WEBHOOK_ALLOW"):
        AddressGuard(Settings(webhook_allow=("intranet",)))


@pytest.mark.parametrize(
    ("family", "sockaddr"),
    [
        (socket.AF_INET, ("127.0.0.1", 80)),
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET6, ("fe80::1%eth0", 80, 0, 2)),
        (socket.AF_UNIX, ("/run/docker.sock",)),
        (socket.AF_UNIX, ("8.8.8.8",)),
    ],
)
def test_no_socket_is_opened_to_a_blocked_address(
    family: int, sockaddr: tuple[object, ...]
) -> None:
    with pytest.raises(BlockedAddressError):
        AddressGuard(DEFAULT).open_socket((family, socket.SOCK_STREAM, 6, "", sockaddr))


def test_a_socket_is_opened_to_a_public_address() -> None:
    answer = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("8.8.8.8", 443))
    with AddressGuard(DEFAULT).open_socket(answer) as opened:
        assert opened.family == socket.AF_INET


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?token=a@b",
        "HTTPS://EXAMPLE.COM/hook",
        "https://example.com:8443/",
        "https://example.com.",
        "https://bücher.example/",
        "https://hooks_1.example.com/",
        "https://kafka/",  # a name of one label may be public somewhere; the connect decides
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]:443/",
        "https://4chan.example/",
        "https://example.com?to=me@example.com",
    ],
)
def test_a_usable_url_is_taken(url: str) -> None:
    check_webhook_url(url, DEFAULT)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "https://"),
        ("example.com/hook", "https://"),
        ("http://example.com/", "https://"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("javascript:alert(1)", "https://"),
        ("https://", "no host"),
        ("https:///hook", "no host"),
        ("https:example.com", "no host"),
        ("https://user@example.com/", "user or password"),
        ("https://user:pass@example.com/", "user or password"),
        ("https://@example.com/", "user or password"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "valid URL"),
        ("https://example.com:http/", "valid URL"),
        ("https://[::1/", "valid URL"),
        ("https://exa mple.com/", "space"),
        ("https://example.com/\r\nX-Evil: 1", "space"),
        ("https://example.com/\x00", "space"),
        ("https://example.com\\@10.0.0.1/", "backslash"),
        ("https://a..b/", "valid name"),
        ("https://-a.example/", "valid name"),
        ("https://%31%32%37.0.0.1/", "valid name"),
        ("https://" + "a" * 64 + ".example/", "valid name"),
        ("https://" + "a." * 130 + "example/", "valid name"),
        ("https://example.com/\ud800", "space"),
        ("https://[fe80::1%25eth0]/", "zone id"),
        ("https://[fe80::1%eth0]/", "zone id"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://127.0.0.1./", "unusual form"),
        ("https://\uff11\uff12\uff17.0.0.1/", "not a public address"),
        ("https://127\u30020\u30020\u30021/", "not a public address"),
        ("https://[::1]/", "not a public address"),
        ("https://[::ffff:7f00:1]/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data/", "not a public address"),
        ("https://0x7f.1/", "unusual form"),
        ("https://0x7f000001/", "unusual form"),
        ("https://127.0.0.0x1/", "unusual form"),
        ("https://2130706433/", "unusual form"),
        ("https://0177.0.0.1/", "unusual form"),
        ("https://127.1/", "unusual form"),
        ("https://1.2.3.4.5/", "unusual form"),
        ("https://8.8.8.08/", "unusual form"),
        ("https://localhost/", "this machine"),
        ("https://LOCALHOST./", "this machine"),
        ("https://api.localhost/", "this machine"),
        ("https://example.com/" + "a" * LONGEST_URL, "longer"),
    ],
)
def test_an_unusable_url_is_refused_with_a_reason(url: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        check_webhook_url(url, DEFAULT)


def test_no_refusal_repeats_a_password() -> None:
    for url in ("https://user:hunter2@example.com/", "https://user:hunter2@example.com:99999/"):
        with pytest.raises(InvalidRequestError) as refused:
            check_webhook_url(url, DEFAULT)
        assert "hunter2" not in str(refused.value)


def test_plain_http_is_a_setting() -> None:
    check_webhook_url("http://example.com/", WITH_HTTP)
    with pytest.raises(InvalidRequestError, match="https or http"):
        check_webhook_url("ws://example.com/", WITH_HTTP)


def test_allowed_networks_open_literals_and_localhost() -> None:
    settings = Settings(webhook_allow=("127.0.0.0/8",), webhook_http=True)
    check_webhook_url("http://127.0.0.1:9000/hook", settings)
    check_webhook_url("http://localhost:9000/hook", settings)
    with pytest.raises(InvalidRequestError, match="unusual form"):
        check_webhook_url("http://127.1:9000/hook", settings)
