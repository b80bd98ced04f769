"""Chromium's DevTools at the level of the whole browser, which Selenium does not reach."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import ProxyHandler, build_opener

import websocket

TIMEOUT_S = 10.0

Event = Mapping[str, Any]
"""``method`` and ``params`` of what a session reports; or ``result``, or ``error``."""


class DevToolsError(Exception):
    """Chromium refused a command."""


class DevTools:
    """One connection; one thread uses it. Any ``OSError`` or ``WebSocketException``: it is gone.

    What arrives is read while a command waits for its answer, and by ``read``; nothing is read
    in between, so the browser keeps what it has to say.
    """

    def __init__(self, address: str) -> None:
        """Connect to ``address``, a ``host:port``; never through a proxy."""
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"http://{address}/json/version", timeout=TIMEOUT_S) as answer:
            url = json.load(answer)["webSocketDebuggerUrl"]
        self._socket = websocket.create_connection(
            url, timeout=TIMEOUT_S, suppress_origin=True, http_no_proxy=["127.0.0.1", "localhost"]
        )
        self._last_id = 0
        self._answered: dict[int, Callable[[Event], None]] = {}
        self._listeners: dict[str, Callable[[Event], None]] = {}

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command to the browser and return its result.

        Raises:
            DevToolsError: the browser does not know or refuses it.
        """
        return self.call_in(None, method, **params)

    def call_in(self, session: str | None, method: str, **params: Any) -> dict[str, Any]:
        """Send one command to a session and return its result; ``Raises`` as ``call`` does."""
        answers: list[Event] = []
        self.send(session, method, answers.append, **params)
        while not answers:
            self._read_one()
        if "error" in answers[0]:
            raise DevToolsError(f"{method}: {answers[0]['error'].get('message')}")
        result: dict[str, Any] = answers[0]["result"]
        return result

    def send(
        self, session: str | None, method: str, answered: Callable[[Event], None], **params: Any
    ) -> None:
        """Send one command; ``answered`` gets its ``result`` or ``error`` when that is read."""
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        self._answered[self._last_id] = answered
        self._socket.send(json.dumps(command))

    def listen(self, session: str, heard: Callable[[Event], None]) -> None:
        """Give every event of ``session`` to ``heard``; events of others are dropped."""
        self._listeners[session] = heard

    def forget(self, session: str) -> None:
        """Drop what ``session`` still reports."""
        self._listeners.pop(session, None)

    def read(self, *, until: Callable[[], bool], timeout_s: float) -> None:
        """Take in all that has arrived, and what arrives until a fact holds or time is up."""
        end = time.monotonic() + timeout_s
        while self._has_arrived(0.0 if until() else end - time.monotonic()):
            self._read_one()
            if time.monotonic() > end:  # a page that never stops reporting
                return

    def close(self) -> None:
        """Drop the connection, without waiting for a browser that may hang."""
        self._socket.shutdown()  # type: ignore[no-untyped-call]  # the library's own gap

    def _has_arrived(self, within_s: float) -> bool:
        if self._socket.sock is None:
            raise ConnectionResetError("the connection is closed")
        poll = select.poll()
        poll.register(self._socket.sock, select.POLLIN)
        return bool(poll.poll(max(0.0, within_s) * 1_000))

    def _read_one(self) -> None:
        received = self._socket.recv()
        if not received:
            raise ConnectionResetError("the browser closed the connection")
        message = json.loads(received)
        if "id" in message:
            answered = self._answered.pop(message["id"], None)
            if answered is not None:
                answered(message)
            return
        heard = self._listeners.get(message.get("sessionId", ""))
        if heard is not None:
            heard(message)
