"""URLs that are let through without being split are those that nothing is wrong with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.submission import PLAIN, check_parts
from streams.errors import InvalidRequestError


@given(st.from_regex(PLAIN, fullmatch=True))
def test_a_plain_url_would_pass_every_check(url: str) -> None:
    check_parts(url, "url")


@given(st.text(alphabet="https:/@.[]a1\\ \t#?%ü", max_size=20).map("https://".__add__))
def test_what_a_check_refuses_is_not_plain(url: str) -> None:
    try:
        check_parts(url, "url")
    except InvalidRequestError:
        assert PLAIN.fullmatch(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://user@example.com/",
        "https://example.com:99999/",
        "https://example.com/\n",
        "https://example.com/a b",
        "https://example.com/a\\b",
        "https://example.com/\x7f",
        "https://example.com/\u2028",
        "https:///path",
        "ftp://example.com/",
    ],
)
def test_a_url_with_something_wrong_is_not_plain(url: str) -> None:
    assert PLAIN.fullmatch(url) is None
