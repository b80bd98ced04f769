"""One try over real sockets: what is sent, what counts as success, and what is never reached."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from streams.adapters.webhook_sender import LONGEST_ANSWER_BYTES, WebhookSender
from streams.domain.webhook import DeliveryResult
from streams.retry_after import retry_after_in
from streams.settings import Settings
from streams.webhook_signature import verify
from tests.support.webhooks import LOOPBACK, Answer, Receiver, a_delivery, self_signed

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def send(
    url: str, settings: Settings = LOOPBACK, *, secret: str | None = None, body: str = "{}"
) -> DeliveryResult:
    async with WebhookSender(settings) as sender:
        return await sender.send(a_delivery(url, body=body), secret)


async def test_the_signed_bytes_are_the_bytes_sent(receiver: Receiver) -> None:
    body = '{"type":"job.completed","place":"Café ✓","escaped":"\\u00e9"}'
    result = await send(receiver.url, secret=SECRET, body=body)
    assert result.ok
    assert result.status_code == 204
    assert result.duration_ms > 0
    (got,) = receiver.received
    assert got.body == body.encode()
    assert Webhook(SECRET).verify(got.body, dict(got.headers))["place"] == "Café ✓"
    assert verify(got.body, got.headers, SECRET).ok
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"].startswith("Scrapestream")


async def test_the_trace_goes_on_and_nothing_else_can_ride_on_it(receiver: Receiver) -> None:
    async with WebhookSender(LOOPBACK) as sender:
        for trace in (TRACE, f"{TRACE}\r\nX-Evil: 1", None):
            assert (await sender.send(a_delivery(receiver.url, traceparent=trace), None)).ok
    traces = [got.headers.get("traceparent") for got in receiver.received]
    assert traces == [TRACE, None, None]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, "webhook.redirect"),
        (304, "webhook.redirect"),
        (400, "webhook.http_4xx"),
        (410, "webhook.http_4xx"),
        (429, "webhook.http_4xx"),
        (500, "webhook.http_5xx"),
        (503, "webhook.http_5xx"),
        (999, "webhook.protocol"),
    ],
)
async def test_only_2xx_is_success(receiver: Receiver, status: int, error: str) -> None:
    receiver.answers.append(status)
    result = await send(receiver.url)
    assert not result.ok
    assert result.status_code == status
    assert result.error == error
    assert result.gone == (status == 410)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_success(receiver: Receiver, status: int) -> None:
    receiver.answers.append(status)
    assert (await send(receiver.url)).ok


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    receiver.answers.append(redirect)
    assert (await send(receiver.url)).error == "webhook.redirect"
    assert [got.path for got in receiver.received] == ["/hook"]


async def test_retry_after_is_handed_on(receiver: Receiver) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "120"})

    receiver.answers.append(busy)
    assert (await send(receiver.url)).retry_after_s == 120.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("", None), ("-1", None), ("soon", None), ("1e999", None)],
)
def test_retry_after_is_a_number_or_nothing(text: str, seconds: float | None) -> None:
    assert retry_after_in(text, datetime.now(UTC)) == seconds


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert retry_after_in(format_datetime(now + timedelta(minutes=2), usegmt=True), now) == 120.0
    assert retry_after_in(format_datetime(now - timedelta(minutes=2), usegmt=True), now) == 0.0


async def test_a_receiver_that_does_not_answer_is_left_at_the_deadline(receiver: Receiver) -> None:
    never = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    receiver.answers.append(silent)
    result = await send(receiver.url, replace(LOOPBACK, webhook_timeout_s=0.2))
    assert result.error == "webhook.timeout"
    assert 200 <= result.duration_ms < 2_000


async def test_an_endless_answer_is_read_only_so_far(receiver: Receiver) -> None:
    sent_bytes = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent_bytes
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65_536)
            sent_bytes += 65_536

    receiver.answers.append(endless)
    assert (await send(receiver.url)).ok
    assert LONGEST_ANSWER_BYTES < sent_bytes < 64 * 1024 * 1024  # what the sockets buffer


async def test_a_slow_rest_of_an_answer_does_not_undo_a_success(receiver: Receiver) -> None:
    never = asyncio.Event()

    async def stalled(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"x")
        await never.wait()
        return answer

    receiver.answers.append(stalled)
    assert (await send(receiver.url, replace(LOOPBACK, webhook_timeout_s=0.2))).ok


@pytest.mark.parametrize(
    ("settings", "to"),
    [
        (replace(LOOPBACK, webhook_allow=()), "127.0.0.1"),
        (replace(LOOPBACK, webhook_allow=("10.0.0.0/8",)), "127.0.0.1"),
        (replace(LOOPBACK, webhook_allow=()), "localhost"),
        (replace(LOOPBACK, webhook_allow=()), "0x7f.1"),
        (replace(LOOPBACK, webhook_allow=()), "[::ffff:7f00:1]"),
        (replace(LOOPBACK, webhook_http=False), "127.0.0.1"),
    ],
)
async def test_what_is_not_allowed_is_not_reached(
    receiver: Receiver, settings: Settings, to: str
) -> None:
    assert (await send(receiver.url.replace("127.0.0.1", to), settings)).error == "webhook.blocked"
    assert receiver.received == []


@pytest.mark.parametrize("to", ["localhost", "127.0.0.1", "0x7f.1", "[::ffff:7f00:1]"])
async def test_the_connect_alone_stops_what_registration_let_through(
    receiver: Receiver, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when a name that was public at registration resolves to loopback now.
    monkeypatch.setattr("streams.adapters.webhook_sender.check_webhook_url", lambda *_: None)
    url = receiver.url.replace("127.0.0.1", to)
    blocked = await send(url, replace(LOOPBACK, webhook_allow=()))
    assert blocked.error == "webhook.blocked"
    assert receiver.received == []


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert (await send(receiver.url)).ok
        assert proxy.received == []


async def test_a_closed_port_is_refused(receiver: Receiver) -> None:
    async with Receiver() as gone:
        url = gone.url
    assert (await send(url)).error == "webhook.refused"


async def test_a_name_that_does_not_exist_is_named_so() -> None:
    assert (await send("http://receiver.invalid/hook")).error == "webhook.dns"


async def raw_server(answer: bytes) -> asyncio.Server:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "webhook.disconnected"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "webhook.protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "webhook.protocol"),
    ],
)
async def test_what_is_no_http_is_a_failure(answer: bytes, error: str) -> None:
    async with await raw_server(answer) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await send(f"http://127.0.0.1:{port}/")).error == error


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with Receiver(tls=self_signed(tmp_path)) as receiver:
        assert (await send(receiver.url)).error == "webhook.tls"
        assert receiver.received == []


async def test_tls_to_a_receiver_without_it_is_a_tls_failure(receiver: Receiver) -> None:
    assert (await send(receiver.url.replace("http://", "https://"))).error == "webhook.tls"


async def test_a_secret_that_cannot_sign_sends_nothing(receiver: Receiver) -> None:
    assert (await send(receiver.url, secret="whsec_!")).error == "webhook.secret"
    assert receiver.received == []


async def test_cookies_are_not_kept(receiver: Receiver) -> None:
    async def with_cookie(_: web.Request) -> web.StreamResponse:
        answer = web.Response()
        answer.set_cookie("session", "1")
        return answer

    answers: deque[int | Answer] = receiver.answers
    answers.append(with_cookie)
    async with WebhookSender(LOOPBACK) as sender:
        for _ in range(2):
            assert (await sender.send(a_delivery(receiver.url), None)).ok
    assert "Cookie" not in receiver.received[1].headers
