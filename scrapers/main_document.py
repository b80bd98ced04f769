"""What the server answered to the document that a tab was sent to: status and ``Retry-After``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from scrapers.devtools import DevTools, Event
from streams.errors import TargetRefusedError
from streams.retry_after import retry_after_in

CAPTCHA_PATHS = ("/sorry/",)
"""Where Google's sites send visitors whom they take for a machine."""
LONGEST_RETRY_AFTER_S = 3600.0
"""A site's wish is heard up to here: a job must not sleep for ever."""


@dataclass(slots=True, kw_only=True)
class MainDocument:
    """The newest answer, redirects followed; status 0 while there is none."""

    status: int = 0
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case."""

    def refusal(self, now: datetime) -> TargetRefusedError | None:
        """What to raise when it says that the site does not want us now; None when it does not."""
        asked_s = retry_after_in(self.headers.get("retry-after", ""), now)
        if self.status != 429 and not (self.status == 503 and asked_s is not None):
            return None
        if asked_s is not None:
            asked_s = min(asked_s, LONGEST_RETRY_AFTER_S)
        if urlsplit(self.url).path.startswith(CAPTCHA_PATHS):
            return TargetRefusedError(
                "captcha",
                "The site asks whether a person is there. We stopped; try later or with a proxy.",
                may_retry=asked_s is not None,  # without a time, the next minutes change nothing
                retry_after_s=asked_s,
            )
        return TargetRefusedError(
            "blocked",
            f"The site asks us to come back later (HTTP {self.status}).",
            may_retry=True,
            retry_after_s=asked_s,
        )

    def heard(self, target: str, event: Event) -> None:
        """Take in an event of the tab ``target``."""
        params: Any = event.get("params", {})
        if (
            event.get("method") == "Network.responseReceived"
            and params["type"] == "Document"
            and params.get("frameId") == target  # a page's frames are no answer to us
        ):
            response = params["response"]
            self.status, self.url = response["status"], response["url"]
            self.headers = {name.lower(): text for name, text in response["headers"].items()}


@contextmanager
def watched_document(devtools: DevTools, target: str) -> Iterator[MainDocument]:
    """Listen to the tab ``target`` while its document is loaded; filled in at the end.

    Raises:
        DevToolsError: there is no such tab.
    """
    document = MainDocument()
    session = devtools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    devtools.listen(session, lambda event: document.heard(target, event))
    devtools.call_in(session, "Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0)
    try:
        yield document
        devtools.call_in(session, "Network.disable")  # what it had to say before is here then
    finally:
        devtools.forget(session)
        # Not waited for: after an error the tab may hang.
        devtools.send(None, "Target.detachFromTarget", lambda _: None, sessionId=session)
