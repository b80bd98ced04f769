"""Hears the answers that a tab gets over the network; sends no request of its own."""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Sequence
from functools import partial

from scrapers.devtools import DevTools, Event

MOST_ANSWERS = 200
"""Answers kept until somebody asks; the oldest go first. A scrape asks each round."""
MAX_BODY_BYTES = 4_000_000
"""A longer answer is passed over: a batch of reviews has some 100 kB."""
MAX_KEPT_BYTES = 32_000_000
BROWSER_KEEPS_BYTES = 32_000_000
"""Bodies that the browser holds for us; the oldest go first."""
WAIT_S = 1.0
"""How long one look waits for bodies that were asked for; the next look takes them else."""


class NetworkListener:
    """The answers of one tab whose URL matches a pattern.

    One that is lost (too long, pushed out of the browser's memory, gone with its document) is
    no error: nobody may depend on hearing everything. Frames of other sites and service
    workers are not heard.
    """

    def __init__(self, devtools: DevTools, target: str, pattern: str) -> None:
        """Begin to listen to the tab ``target``.

        Raises:
            DevToolsError: there is no such tab.
        """
        self._devtools = devtools
        self._pattern = re.compile(pattern)
        self._awaited: dict[str, None] = {}
        """Requests whose answer has begun, the oldest first."""
        self._new: set[str] = set()
        """Those of them that no look has waited for."""
        self._asked: set[str] = set()
        """Requests whose body was asked for."""
        self._bodies: deque[str] = deque()
        self._kept_bytes = 0
        self._session: str = devtools.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        devtools.listen(self._session, self._heard)
        devtools.call_in(
            self._session,
            "Network.enable",
            maxTotalBufferSize=BROWSER_KEEPS_BYTES,
            maxResourceBufferSize=MAX_BODY_BYTES,
        )

    def answers(self) -> Sequence[str]:
        """The bodies that have arrived since the last call, in the order of their arrival."""
        # The tab answers in turn: once this is answered, what it had to say before is here.
        barrier: list[Event] = []
        self._devtools.send(self._session, "Runtime.getIsolateId", barrier.append)
        self._devtools.read(
            until=lambda: bool(barrier) and not (self._asked or self._new), timeout_s=WAIT_S
        )
        self._asked.clear()  # none of them is waited for twice
        self._new.clear()
        bodies = tuple(self._bodies)
        self._bodies.clear()
        self._kept_bytes = 0
        return bodies

    def close(self) -> None:
        """Stop listening."""
        self._devtools.forget(self._session)

    def _heard(self, event: Event) -> None:
        params = event.get("params", {})
        request = params.get("requestId", "")
        match event["method"]:
            case "Network.responseReceived":
                response = params["response"]
                if response["status"] == 200 and self._pattern.search(response["url"]):
                    self._awaited[request] = None
                    self._new.add(request)
                    if len(self._awaited) > MOST_ANSWERS:
                        del self._awaited[next(iter(self._awaited))]
            case "Network.loadingFinished" if request in self._awaited:
                del self._awaited[request]
                self._new.discard(request)
                self._asked.add(request)
                answered = partial(self._answered, request)
                self._devtools.send(
                    self._session, "Network.getResponseBody", answered, requestId=request
                )
            case "Network.loadingFailed":
                self._awaited.pop(request, None)
                self._new.discard(request)

    def _answered(self, request: str, answer: Event) -> None:
        self._asked.discard(request)
        result = answer.get("result")
        if not result:
            return  # an error: the body is gone
        body = result["body"]
        if result["base64Encoded"]:
            body = base64.b64decode(body).decode("utf-8", "replace")
        if len(body) > MAX_BODY_BYTES:
            return
        self._bodies.append(body)
        self._kept_bytes += len(body)
        while len(self._bodies) > MOST_ANSWERS or self._kept_bytes > MAX_KEPT_BYTES:
            self._kept_bytes -= len(self._bodies.popleft())
