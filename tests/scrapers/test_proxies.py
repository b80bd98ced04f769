"""Which proxies there are, and what of them anybody may see."""

from __future__ import annotations

import pytest

from scrapers.proxies import DEFAULT, routes_of, split_options
from streams.errors import InvalidRequestError, InvalidSettingError
from streams.settings import Settings

SECRET = "hunter2"


def test_without_a_proxy_there_is_the_way_straight_to_the_site() -> None:
    assert routes_of(Settings()) == {DEFAULT: None}


def test_proxies_have_names_and_decoded_credentials() -> None:
    routes = routes_of(
        Settings(
            proxy="socks5://[2001:db8::1]:1080",
            proxies=("berlin=http://us%40er:p%2Cw@proxy.example:3128",),
        )
    )
    default, berlin = routes[DEFAULT], routes["berlin"]
    assert default is not None
    assert berlin is not None
    assert (default.scheme, default.host, default.user) == ("socks5", "2001:db8::1", None)
    assert default.shown == "socks5://[2001:db8::1]:1080"
    assert (berlin.host, berlin.port, berlin.user, berlin.password) == (
        "proxy.example",
        3128,
        "us@er",
        "p,w",
    )


def test_what_is_shown_of_a_proxy_has_no_credentials() -> None:
    (proxy,) = routes_of(Settings(proxy=f"http://anna:{SECRET}@proxy.example:3128")).values()
    assert proxy is not None
    assert proxy.shown == "http://proxy.example:3128"
    assert SECRET not in repr(proxy)
    assert "anna" not in repr(proxy)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(proxy=f"ftp://anna:{SECRET}@proxy.example:21"),
        Settings(proxy=f"http://anna:{SECRET}@proxy.example"),
        Settings(proxy=f"http://anna:{SECRET}@proxy.example:99999"),
        Settings(proxy=f"http://anna:{SECRET}@[::1:3128"),
        Settings(proxy=f"http://an%3Ana:{SECRET}@proxy.example:3128"),
        Settings(proxy=f"anna:{SECRET}@proxy.example:3128"),
        Settings(proxies=(f"Berlin Mitte=http://anna:{SECRET}@proxy.example:3128",)),
        Settings(proxies=(f"http://anna:{SECRET}@proxy.example:3128",)),
        Settings(proxies=("a=http://p:1", f"a=http://anna:{SECRET}@p:2")),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_secret(settings: Settings) -> None:
    with pytest.raises(InvalidSettingError, match="SCRAPESTREAM_PROX") as refused:
        routes_of(settings)
    assert SECRET not in str(refused.value)


def test_the_proxys_name_is_taken_out_of_the_scrapers_options() -> None:
    assert split_options({"sort": "newest"}) == (DEFAULT, {"sort": "newest"})
    assert split_options({"sort": "newest", "proxy": "berlin"}) == ("berlin", {"sort": "newest"})


@pytest.mark.parametrize("name", ["", "http://anna:pw@proxy:1", "Berlin", "a" * 41, "a\n"])
def test_a_job_cannot_bring_its_own_proxy(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="no URL"):
        split_options({"proxy": name})
