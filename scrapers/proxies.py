"""Proxies of this process by name. Their credentials stay here: only names leave it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from streams.errors import InvalidRequestError, InvalidSettingError
from streams.settings import Settings

SCHEMES = ("http", "socks5")
DEFAULT = ""
"""Name of the route that jobs take which name no proxy."""
OPTION = "proxy"
"""The job option that names a proxy: of the worker, so no scraper knows it."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_NAME_RULE = "a name of small letters, digits, - and _, at most 40"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamProxy:
    """Where a route's connections go to."""

    scheme: str
    """One of ``SCHEMES``."""
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """For people: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


Routes = Mapping[str, UpstreamProxy | None]
"""By name; ``DEFAULT`` is always there. None: straight to the site."""


def routes_of(settings: Settings) -> Routes:
    """The routes of ``settings.proxy`` and ``settings.proxies``.

    Raises:
        InvalidSettingError: one cannot be used; its text holds nothing of a URL.
    """
    routes: dict[str, UpstreamProxy | None] = {DEFAULT: None}
    if settings.proxy:
        routes[DEFAULT] = _read(settings.proxy, "SCRAPESTREAM_PROXY")
    for number, entry in enumerate(settings.proxies, 1):
        name, found, url = entry.partition("=")
        if not found or not NAME.fullmatch(name):
            raise InvalidSettingError(
                f"SCRAPESTREAM_PROXIES: entry {number} is not name=url with {_NAME_RULE}; "
                "write a comma of a password as %2C"
            )
        if name in routes:
            raise InvalidSettingError(f"SCRAPESTREAM_PROXIES names {name!r} twice")
        routes[name] = _read(url, f"SCRAPESTREAM_PROXIES: {name}")
    return routes


def split_options(options: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The proxy's name that a job's options hold (``DEFAULT``: none), and the scraper's options.

    Raises:
        InvalidRequestError: it is no name.
    """
    rest = dict(options)
    name = rest.pop(OPTION, DEFAULT)
    if OPTION in options and not NAME.fullmatch(name):
        raise InvalidRequestError(
            f"`options.{OPTION}` is {_NAME_RULE}: one of the workers' SCRAPESTREAM_PROXIES, no URL"
        )
    return name, rest


def _read(url: str, setting: str) -> UpstreamProxy:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in SCHEMES or parts.path.strip("/") or parts.query:
        raise InvalidSettingError(  # its text must not repeat the URL: it may hold a password
            f"{setting} is no {' or '.join(f'{scheme}://' for scheme in SCHEMES)} URL "
            "with host and port, such as http://user:password@proxy.example.com:3128"
        )
    user = None if parts.username is None else unquote(parts.username)
    if user is not None and ":" in user:
        raise InvalidSettingError(f"{setting} has a user with a colon, which no proxy can be told")
    return UpstreamProxy(
        scheme=parts.scheme,
        host=host,
        port=port,
        user=user,
        password=None if parts.password is None else unquote(parts.password),
    )
