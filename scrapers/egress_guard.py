"""Where browsers may connect to: the public internet, and what the settings add."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from streams.errors import InvalidSettingError
from streams.settings import Settings
from streams.webhook_guard import AddrInfo, Network, is_public, unwrapped

USUAL_PORTS = (80, 443)


class EgressGuard:
    """Decides by the address that is really used, after names are resolved.

    Pages are hostile, and so are short links: each may lead to this machine or its network.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidSettingError: a network of ``settings.browser_allow`` is none."""
        self._own_hosts = frozenset(_host_ports(settings.maps_hosts))
        self._networks = _networks(settings.browser_allow)

    def is_own(self, host: str, port: int) -> bool:
        """Whether the settings name it as a site of ours: then any address will do."""
        return (host, port) in self._own_hosts

    def allows(self, host: str, port: int, address: str) -> bool:
        """Whether to connect to ``address``, which is what ``host`` is or resolves to."""
        if self.is_own(host, port):
            return True
        try:
            found = unwrapped(ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return is_public(found) or any(found in network for network in self._networks)

    def allowed(self, host: str, port: int, answers: Sequence[AddrInfo]) -> list[AddrInfo]:
        """Those answers of a name server that one may connect to."""
        families = (socket.AF_INET, socket.AF_INET6)
        return [
            answer
            for answer in answers
            if answer[0] in families and self.allows(host, port, str(answer[4][0]))
        ]


def _host_ports(hosts: Sequence[str]) -> list[tuple[str, int]]:
    """``host:port`` of ``settings.maps_hosts``; without a port: both usual ones."""
    found = []
    for text in hosts:
        host, colon, port = text.lower().rpartition(":")
        if colon and port.isdecimal() and not host.endswith(":"):
            found.append((host.strip("[]"), int(port)))
        else:
            found += [(text.lower().strip("[]"), usual) for usual in USUAL_PORTS]
    return found


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise InvalidSettingError(f"SCRAPESTREAM_BROWSER_ALLOW: {error}") from None
