"""Sends webhooks over HTTP: guarded, signed, within a deadline, and no redirect is followed."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aiohttp

from streams.domain.webhook import Delivery, DeliveryResult
from streams.errors import InvalidRequestError
from streams.retry_after import retry_after_in
from streams.settings import Settings
from streams.webhook_guard import AddressGuard, BlockedAddressError, check_webhook_url
from streams.webhook_signature import signed_headers

LONGEST_ANSWER_BYTES = 20_000  # read so that the receiver can finish; nobody looks at it
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
GONE = 410


class WebhookSender:
    """Makes one try of a delivery at a time. Use as an async context manager."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._settings = settings
        self._guard = AddressGuard(settings)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the agent bounds them, fairly between hosts
                force_close=True,  # a kept connection that the receiver has closed costs a try
                socket_factory=self._guard.open_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # ours covers all
            auto_decompress=False,  # the answer is thrown away; no bomb is unpacked
            trust_env=False,  # a proxy would connect for us, past the guard
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, delivery: Delivery, secret: str | None) -> DeliveryResult:
        """POST the body once; only a 2xx is a success. A failure is a result, not an error.

        ``secret`` is in clear; it stays in this call.
        """
        started = time.perf_counter()
        result = await self._tried(delivery, secret)
        return replace(result, duration_ms=(time.perf_counter() - started) * 1000)

    async def _tried(self, delivery: Delivery, secret: str | None) -> DeliveryResult:
        url = delivery.scheduled.url
        body = delivery.scheduled.body.encode()
        try:
            check_webhook_url(url, self._settings)  # the settings may be stricter than they were
        except InvalidRequestError:
            return DeliveryResult(ok=False, error="webhook.blocked")
        try:
            headers = signed_headers(delivery.delivery_id, body, self._clock(), secret)
        except InvalidRequestError:
            return DeliveryResult(ok=False, error="webhook.secret")
        if delivery.traceparent and TRACEPARENT.fullmatch(delivery.traceparent):
            headers["traceparent"] = delivery.traceparent
        return await self._posted(url, body, headers)

    async def _posted(self, url: str, body: bytes, headers: dict[str, str]) -> DeliveryResult:
        if self._session is None:
            raise RuntimeError("the sender is used outside of its context")
        result: DeliveryResult | None = None
        try:
            async with (
                asyncio.timeout(self._settings.webhook_timeout_s),
                self._session.post(
                    url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                result = self._result_of(answer)
                await _drain(answer.content)
        except (TimeoutError, aiohttp.ClientError, OSError, UnicodeError) as error:
            # The status has decided already when only the rest of the answer went wrong.
            return result or DeliveryResult(ok=False, error=error_class(error))
        return result

    def _result_of(self, answer: aiohttp.ClientResponse) -> DeliveryResult:
        status = answer.status
        if 200 <= status < 300:
            return DeliveryResult(ok=True, status_code=status)
        return DeliveryResult(
            ok=False,
            status_code=status,
            error=_status_class(status),
            retry_after_s=retry_after_in(answer.headers.get("Retry-After", ""), self._clock()),
            gone=status == GONE,
        )


def error_class(error: BaseException) -> str:
    """The class of a try that got no status. The order matters: most are kinds of each other."""
    match error:
        case TimeoutError():
            return "webhook.timeout"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "webhook.tls"
        case aiohttp.ClientConnectorDNSError():
            return "webhook.dns"
        case aiohttp.ClientConnectorError():
            blocked = isinstance(error.os_error, BlockedAddressError)
            return "webhook.blocked" if blocked else "webhook.refused"
        case aiohttp.InvalidURL():
            return "webhook.blocked"
        case OSError() | aiohttp.ServerDisconnectedError():
            return "webhook.disconnected"
        case _:
            return "webhook.protocol"


def _status_class(status: int) -> str:
    match status // 100:
        case 3:
            return "webhook.redirect"
        case 4:
            return "webhook.http_4xx"
        case 5:
            return "webhook.http_5xx"
        case _:
            return "webhook.protocol"


async def _drain(content: aiohttp.StreamReader) -> None:
    left = LONGEST_ANSWER_BYTES
    while left > 0 and (chunk := await content.read(left)):
        left -= len(chunk)
