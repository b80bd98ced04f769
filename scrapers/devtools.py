"""Chromium's DevTools at the level of the whole browser, which Selenium does not reach."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import ProxyHandler, build_opener

import websocket

TIMEOUT_S = 10.0


class DevToolsError(Exception):
    """Chromium refused a command."""


class DevTools:
    """One connection; commands in turn. Any ``OSError`` or ``WebSocketException``: it is gone."""

    def __init__(self, address: str) -> None:
        """Connect to ``address``, a ``host:port``; never through a proxy."""
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"http://{address}/json/version", timeout=TIMEOUT_S) as answer:
            url = json.load(answer)["webSocketDebuggerUrl"]
        self._socket = websocket.create_connection(
            url, timeout=TIMEOUT_S, suppress_origin=True, http_no_proxy=["127.0.0.1", "localhost"]
        )
        self._last_id = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result.

        Raises:
            DevToolsError: the browser does not know or refuses it.
        """
        self._last_id += 1
        self._socket.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
        while True:
            received = self._socket.recv()
            if not received:
                raise DevToolsError("the browser closed the connection")
            answer = json.loads(received)
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise DevToolsError(f"{method}: {answer['error'].get('message')}")
                result: dict[str, Any] = answer["result"]
                return result

    def close(self) -> None:
        """Drop the connection, without waiting for a browser that may hang."""
        self._socket.shutdown()  # type: ignore[no-untyped-call]  # the library's own gap
