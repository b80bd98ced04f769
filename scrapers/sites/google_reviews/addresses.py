"""Addresses of Google Maps: the language in them, where they may lead, what they search. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote_plus, urlsplit, urlunsplit

from scrapers.sites.google_reviews.words import GOOGLE_DOMAINS

SHORT_HOSTS = frozenset({"maps.app.goo.gl", "goo.gl"})
"""They know nothing of ``hl``: it is added where they lead."""
LONGEST_HOST = 100

_GOOGLE_HOST = re.compile(
    r"(?:[\w-]+\.)*google\.(" + "|".join(re.escape(domain) for domain in GOOGLE_DOMAINS) + ")"
)
_SEARCH = re.compile(r"/maps/search/([^/]+)")


def in_language(url: str, language: str | None) -> str:
    """``url`` with ``hl=language`` instead of any other; the rest stays as it was written."""
    if language is None:
        return url
    parts = urlsplit(url)
    kept = [part for part in parts.query.split("&") if part and not part.startswith("hl=")]
    return urlunsplit(parts._replace(query="&".join([*kept, f"hl={language}"])))


def language_of(url: str) -> str | None:
    """The value of ``hl`` in ``url``."""
    return parse_qs(urlsplit(url).query).get("hl", [None])[0]


def is_short_link(url: str) -> bool:
    """Whether ``url`` is one of Google's short links, which say nothing of the place."""
    return (urlsplit(url).hostname or "") in SHORT_HOSTS


def stray_host(asked: str, shown: str) -> str | None:
    """The host that ``asked`` led to, when it is neither its own nor one of Google's."""
    host = urlsplit(shown).hostname or ""
    if host == urlsplit(asked).hostname or host == "consent.youtube.com":
        return None
    return None if _GOOGLE_HOST.fullmatch(host) else host[:LONGEST_HOST] or "no site"


def search_in(url: str) -> str:
    """What ``url`` searches for; empty when it is no search."""
    parts = urlsplit(url)
    path = _SEARCH.match(parts.path)
    if path:
        return unquote_plus(path[1])
    query = parse_qs(parts.query)
    return next((query[name][0] for name in ("q", "query") if name in query), "")
