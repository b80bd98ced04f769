"""Keeps webhooks away from addresses that are not on the public internet.

A URL is looked at twice: when a client gives it (a fast, clear answer), and at each connect,
where the address that is really used decides; a name may resolve differently by then.
"""

from __future__ import annotations

import errno
import re
import socket
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from yarl import URL

from streams.errors import InvalidRequestError, InvalidSettingError
from streams.settings import Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""One answer of ``getaddrinfo``."""

LONGEST_URL = 2048  # what browsers, proxies and receivers agree on
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
# A host whose last label is numeric is an address: https://url.spec.whatwg.org/#ends-in-a-number-checker
AUTHORITY = re.compile(r"[^:]*://([^/?#]*)")
NOT_PRINTABLE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")  # and half characters

# `is_global` alone is not enough: it says yes to multicast, 6to4, NAT64, site-local,
# IPv4-compatible and to each address of IPv6 that nobody has assigned yet. IPv4 is open except
# these; of IPv6 nothing is open but global unicast, except these.
# https://www.iana.org/assignments/iana-ipv4-special-registry, .../iana-ipv6-special-registry
GLOBAL_UNICAST = IPv6Network("2000::/3")
NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),  # this host
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT; Alibaba's metadata
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("168.63.129.16/32"),  # Azure's host agent, at an address that looks public
    IPv4Network("169.254.0.0/16"),  # link-local; metadata of most clouds
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("198.18.0.0/15"),  # benchmarking
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # class E and broadcast
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarking, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: carries an IPv4 address
    IPv6Network("3fff::/20"),  # documentation
)

BLOCKED = "the address is not public"


class BlockedAddressError(OSError):
    """A connection to an address that webhooks may not reach. The HTTP client closes on it."""

    def __init__(self) -> None:
        # One text for all addresses: the client merges errors whose texts differ, and the
        # type would be lost.
        super().__init__(errno.EACCES, BLOCKED)


class AddressGuard:
    """Opens sockets to public addresses, and to those in ``webhook_allow``."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = allowed_networks(settings.webhook_allow)

    def allows(self, text: str) -> bool:
        """Whether webhooks may connect to an address; one that cannot be read is refused."""
        try:
            address = unwrapped(ip_address(text))
        except ValueError:
            return False
        return is_public(address) or any(address in network for network in self._allowed)

    def open_socket(self, answer: AddrInfo) -> socket.socket:
        """A socket for one resolved address: aiohttp's ``socket_factory``.

        Raises:
            BlockedAddressError: webhooks may not go there.
        """
        family, kind, protocol, _, sockaddr = answer
        if family not in (socket.AF_INET, socket.AF_INET6) or not self.allows(str(sockaddr[0])):
            raise BlockedAddressError
        return socket.socket(family, kind, protocol)


@lru_cache(maxsize=8)
def allowed_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of the setting ``webhook_allow``.

    Raises:
        InvalidSettingError: one is no network.
    """
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise InvalidSettingError(f"SCRAPESTREAM_WEBHOOK_ALLOW: {error}") from None


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet. IPv4 inside IPv6 is unwrapped first."""
    address = unwrapped(address)
    if address.version == 6 and address not in GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in NOT_PUBLIC)


def check_webhook_url(url: str, settings: Settings) -> None:
    """Refuse a URL that no webhook can be sent to. Asks no name server.

    Raises:
        InvalidRequestError: says what is wrong, and holds neither user nor password.
    """
    if len(url) > LONGEST_URL:
        raise InvalidRequestError(f"webhook_url is longer than {LONGEST_URL} characters")
    if NOT_PRINTABLE.search(url):
        raise InvalidRequestError("webhook_url has a space, a control character or a backslash")
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError:  # its text may repeat the URL with its password
        raise InvalidRequestError("webhook_url is no valid URL") from None
    if parsed.scheme != "https" and not (parsed.scheme == "http" and settings.webhook_http):
        schemes = "https or http" if settings.webhook_http else "https"
        raise InvalidRequestError(f"webhook_url must start with {schemes}://")
    authority = AUTHORITY.match(url)
    if authority is None:
        raise InvalidRequestError("webhook_url has no host")
    if "@" in authority[1]:
        raise InvalidRequestError("webhook_url must not hold a user or password")
    if not host:
        raise InvalidRequestError("webhook_url has no host")
    if not port:
        raise InvalidRequestError("webhook_url must have a port from 1 to 65535")
    _check_host(host, AddressGuard(settings))


def _check_host(host: str, guard: AddressGuard) -> None:
    """Check a host as the HTTP client will use it: lower case, IDNA, no brackets."""
    if ":" in host:
        if "%" in host:
            raise InvalidRequestError("webhook_url must not name a network interface (zone id)")
        _check_address(host, guard)
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise InvalidRequestError("webhook_url has a host that is no valid name")
    if NUMERIC_LABEL.fullmatch(labels[-1]):
        _check_address(host, guard)
    elif labels[-1].lower() == "localhost" and not (
        guard.allows("127.0.0.1") or guard.allows("::1")
    ):
        raise InvalidRequestError("webhook_url must not lead to this machine (localhost)")


def _check_address(host: str, guard: AddressGuard) -> None:
    try:
        ip_address(host)
    except ValueError:
        raise InvalidRequestError(
            f"webhook_url has an address in an unusual form, {host!r}; "
            "write it as four decimal numbers"
        ) from None
    if not guard.allows(host):
        raise InvalidRequestError(
            f"webhook_url leads to {host}, which is not a public address; "
            "SCRAPESTREAM_WEBHOOK_ALLOW can permit its network"
        )


def unwrapped(address: Address) -> Address:
    """An address of IPv4 that is written as one of IPv6 (``::ffff:127.0.0.1``), as itself."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
