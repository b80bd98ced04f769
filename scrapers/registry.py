"""Which scrapers there are, and which one takes a URL."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

import scrapers.sites
from scrapers.contract import Scraper
from scrapers.proxies import split_options

LONGEST_URL = 4_096
_STRANGE = re.compile(r"[\s\\\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\ufeff]")
"""Blanks, control characters, backslashes: browsers read such URLs otherwise than we do."""

_PLAIN = re.compile(r"https?://([a-z0-9.-]+)/[!-\"$->@-\[\]-~]*(?:\?[!-\"$-\[\]-~]+)?")
"""Most URLs: a host without port and user, and nothing that a URL's normal form would leave out."""


@cache
def all_scrapers() -> Mapping[str, Scraper]:
    """Every module of ``scrapers.sites`` that has a ``scraper``, by the scraper's name."""
    found: dict[str, Scraper] = {}
    for module in pkgutil.iter_modules(scrapers.sites.__path__, "scrapers.sites."):
        scraper = getattr(importlib.import_module(module.name), "scraper", None)
        if isinstance(scraper, Scraper):
            found[scraper.name] = scraper
    return MappingProxyType(found)


def find_scraper(url: str, more_hosts: Collection[str] = ()) -> Scraper | None:
    """The scraper that takes ``url``; None when none does.

    ``more_hosts`` are ``host:port`` of ``settings.maps_hosts``, where its paths count alone.
    """
    if len(url) > LONGEST_URL:
        return None
    plain = _PLAIN.fullmatch(url)
    if plain and not (more_hosts and _is_among(plain[1], more_hosts)):
        return next((each for each in all_scrapers().values() if each.accepts.match(url)), None)
    return find_by_parts(url, more_hosts)


def find_by_parts(url: str, more_hosts: Collection[str] = ()) -> Scraper | None:
    """As ``find_scraper``, for any URL of a usual length."""
    if _STRANGE.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    server = _server_of(parts.scheme, parts.netloc)
    if server is None:
        return None
    is_own = bool(more_hosts) and _is_among(parts.netloc, more_hosts)
    address = parts.path + (f"?{parts.query}" if parts.query else "")
    canonical = f"{parts.scheme}://{server.hostname}{address}"
    for scraper in all_scrapers().values():
        if is_own:
            if scraper.accepts_path.match(address):
                return scraper
        elif server.has_usual_port and scraper.accepts.match(canonical):
            return scraper
    return None


def _is_among(netloc: str, hosts: Collection[str]) -> bool:
    return netloc.lower() in {host.lower() for host in hosts}


def check_options(scraper: Scraper, options: Mapping[str, str]) -> None:
    """Raise InvalidRequestError for options that neither the worker nor the scraper can use."""
    _, rest = split_options(options)
    scraper.check_options(rest)


def accepted_examples() -> str:
    """URLs that are accepted, as one text for messages."""
    return ", ".join(url for scraper in _shown() for url in scraper.examples)


def catalogue() -> list[dict[str, str | list[str]]]:
    """Every scraper that is not hidden, as plain data, for those who must not import scrapers."""
    return [
        {
            "name": scraper.name,
            "item_schema": scraper.item_schema,
            "item_id": scraper.item_id,
            "examples": list(scraper.examples),
        }
        for scraper in _shown()
    ]


def _shown() -> list[Scraper]:
    return [scraper for scraper in all_scrapers().values() if not scraper.is_hidden]


@dataclass(frozen=True, slots=True)
class _Server:
    """Whom a URL names."""

    hostname: str
    has_usual_port: bool


@lru_cache(maxsize=1_024)  # the thousands of URLs in a batch name few servers
def _server_of(scheme: str, netloc: str) -> _Server | None:
    """The server; None when browsers and we might read it differently."""
    parts = SplitResult(scheme, netloc, "", "", "")
    try:
        port = parts.port  # raises when it is no number
    except ValueError:
        return None
    hostname = parts.hostname
    is_plain = "@" not in netloc and netloc.isascii()
    if not hostname or (port is None and netloc.endswith(":")):
        return None
    if scheme not in {"http", "https"} or not is_plain:
        return None
    return _Server(hostname, port in {None, 443 if scheme == "https" else 80})
