"""What ``doctor`` says of proxies."""

from __future__ import annotations

from scrapestream.machine import check_proxies
from streams.settings import Settings

SECRET = "hunter2"


def test_without_a_proxy_doctor_says_so() -> None:
    assert check_proxies(Settings()).found == "none: straight to the site"


def test_doctor_shows_proxies_without_their_credentials() -> None:
    finding = check_proxies(
        Settings(
            proxy=f"http://anna:{SECRET}@proxy.example:3128",
            proxies=(f"berlin=socks5://anna:{SECRET}@10.1.2.3:1080",),
        )
    )
    assert finding.state == "ok"
    assert finding.found == "http://proxy.example:3128; berlin socks5://10.1.2.3:1080"


def test_a_proxy_that_cannot_be_used_is_a_problem() -> None:
    finding = check_proxies(Settings(proxy=f"anna:{SECRET}@proxy.example:3128"))
    assert finding.state == "problem"
    assert SECRET not in finding.found
