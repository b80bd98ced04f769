"""Which URLs a scraper takes, and which it must never take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.registry import accepted_examples, catalogue, find_by_parts, find_scraper

OWN = ("127.0.0.1:8099", "Demo.test")

TAKEN = [
    "https://www.google.com/maps/place/Cafe+Central/@48.21,16.36,17z/data=!3m1",
    "http://www.google.com/maps/place/Cafe",
    "https://google.com/maps/place/Cafe",
    "https://WWW.Google.COM/maps/place/Cafe",
    "https://www.google.com:443/maps/place/Cafe",
    "https://www.google.co.uk/maps/place/Cafe",
    "https://www.google.com.br/maps/place/Cafe",
    "https://www.google.de/maps/place/Caf%C3%A9?hl=de",
    "https://www.google.com/maps/place/Café+中央/@48.2,16.3,17z",
    "https://www.google.com/maps/place/?q=place_id:ChIJ123",
    "https://www.google.com/maps?cid=1234567890",
    "https://www.google.com/maps/?hl=en&cid=1234567890",
    "https://www.google.com/maps?q=cafe&ftid=0x1:0x2",
    "https://www.google.com/maps/reviews/data=!4m8",
    "https://www.google.com/maps/search/cafe+central",
    "https://www.google.com/maps/search/?api=1&query=cafe",
    "https://maps.google.com/?cid=1234567890",
    "https://maps.google.at/maps/place/Cafe",
    "https://maps.google.com/maps?q=Cafe",
    "https://maps.app.goo.gl/AbC123?g_st=ic",
    "https://goo.gl/maps/AbC123",
]
REFUSED = [
    "",
    "cafe central",
    "ftp://www.google.com/maps/place/Cafe",
    "javascript:alert(1)//www.google.com/maps/place/Cafe",
    "file:///maps/place/Cafe",
    "//www.google.com/maps/place/Cafe",
    "https://www.google.com/",
    "https://www.google.com/search?q=maps/place/Cafe",
    "https://www.google.com/maps",
    "https://www.google.com/maps/@48.2,16.3,12z",
    "https://www.google.com/maps/place/",
    "https://google.com@evil.example/maps/place/Cafe",
    "https://www.google.com:x@evil.example/maps/place/Cafe",
    "https://user:word@www.google.com/maps/place/Cafe",
    "https://@www.google.com/maps/place/Cafe",
    "https://www.google.com.evil.org/maps/place/Cafe",
    "https://www.google.evil/maps/place/Cafe",
    "https://www.google.com./maps/place/Cafe",
    "https://notgoogle.com/maps/place/Cafe",
    "https://evil.example/https://www.google.com/maps/place/Cafe",
    "https://evil.example#https://www.google.com/maps/place/Cafe",
    "https://evil.example\\@www.google.com/maps/place/Cafe",
    "https:\\\\www.google.com/maps/place/Cafe",
    "https://www.google.com\\.evil.example/maps/place/Cafe",
    "https://www.google.com:8443/maps/place/Cafe",
    "https://www.google.com:/maps/place/Cafe",
    "https://www.google.com:99999/maps/place/Cafe",
    "https://www.google.com:80/maps/place/Cafe",
    " https://www.google.com/maps/place/Cafe",
    "https://www.google.com/maps/place/Cafe\n",
    "https://www.goo\tgle.com/maps/place/Cafe",
    "https://www.google.com/maps/place/Ca fe",
    "https://www.g\u043eogle.com/maps/place/Cafe",
    "https://www.google.com\u2028.evil.example/maps/place/Cafe",
    "https://www.google.com/maps/place/Ca\u200bfe",
    "https://[::1/maps/place/Cafe",
    "https://maps.app.goo.gl/",
    "https://goo.gl/AbC123",
    "https://maps.app.goo.gl.evil.example/AbC",
    "http://127.0.0.1:8099/maps/place/Cafe",
    "https://www.google.com/maps/place/" + "a" * 5_000,
]


@pytest.mark.parametrize("url", TAKEN)
def test_googles_own_links_are_taken(url: str) -> None:
    scraper = find_scraper(url)
    assert scraper is not None
    assert scraper.name == "google_reviews"


@pytest.mark.parametrize("url", REFUSED)
def test_other_links_are_refused(url: str) -> None:
    assert find_scraper(url) is None


@given(
    st.sampled_from(["google.com", "www.google.de", "maps.google.com", "demo.test", "goo.gl", "."]),
    st.sampled_from(["/maps/place/", "/maps", "/", "/maps/A?", "/?cid=", "?cid=", ":443/maps/A/"]),
    st.text(alphabet="aA/?#&=\\ @:%[]~ü", max_size=8),
    st.sampled_from([(), OWN]),
)
def test_plain_urls_are_taken_as_all_others_are(
    host: str, path: str, rest: str, more_hosts: tuple[str, ...]
) -> None:
    url = f"https://{host}{path}{rest}"
    assert find_scraper(url, more_hosts) is find_by_parts(url, more_hosts)


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("http://127.0.0.1:8099/maps/place/Cafe?reviews=3", True),
        ("http://127.0.0.1:8099/demo", True),
        ("http://127.0.0.1:8099/about", True),
        ("https://demo.TEST/maps/place/Cafe", True),
        ("http://127.0.0.1:8099/", False),
        ("http://127.0.0.1:8100/maps/place/Cafe", False),
        ("http://127.0.0.1/maps/place/Cafe", False),
        ("http://a@127.0.0.1:8099/maps/place/Cafe", False),
        ("http://127.0.0.1:8099\\@evil.example/maps/place/Cafe", False),
        ("http://demo.test.evil.example/maps/place/Cafe", False),
        ("ftp://127.0.0.1:8099/maps/place/Cafe", False),
    ],
)
def test_hosts_of_a_setting_are_taken_with_their_port(url: str, *, is_taken: bool) -> None:
    assert (find_scraper(url, OWN) is not None) is is_taken


def test_the_catalogue_is_plain_data_with_examples() -> None:
    (kind,) = (kind for kind in catalogue() if kind["name"] == "google_reviews")
    assert kind["item_schema"] == "google_review"
    assert kind["item_id"] == "review_id"
    assert all(example in accepted_examples() for example in kind["examples"])
