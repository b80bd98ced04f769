"""A webhook receiver on loopback, and deliveries to send it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.domain.ids import JobId
from streams.domain.webhook import Delivery, DeliveryScheduled, delivery_id_of
from streams.settings import Settings

LOOPBACK = Settings(
    webhook_allow=("127.0.0.0/8", "::1/128"), webhook_http=True, webhook_timeout_s=5.0
)
DEADLINE_S = 10.0

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def job_id(self) -> str:
        """Whose end it tells."""
        return str(json.loads(self.body)["job_id"])


@dataclass(slots=True)
class Receiver:
    """A web server that keeps what it gets. Use as an async context manager."""

    answers: deque[int | Answer] = field(default_factory=deque)
    """What to answer, in order; then 204."""
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    port: int = 0
    _grown: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, count: int) -> None:
        """Return when ``count`` requests have come."""
        async with asyncio.timeout(DEADLINE_S), self._grown:
            await self._grown.wait_for(lambda: len(self.received) >= count)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with self._grown:
            self.received.append(
                Received(path=request.path_qs, headers=dict(request.headers), body=body)
            )
            self._grown.notify_all()
        answer = self.answers.popleft() if self.answers else 204
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)


def a_delivery(url: str, *, body: str = "{}", traceparent: str | None = None) -> Delivery:
    """An owed delivery to ``url``."""
    job_id = JobId("0" * 32)
    at = datetime.now(UTC)
    return Delivery(
        delivery_id=delivery_id_of(job_id),
        job_id=job_id,
        tenant="public",
        scheduled=DeliveryScheduled(type="job.completed", url=url, body=body),
        scheduled_at=at,
        due_at=at,
        traceparent=traceparent,
        partition=0,
        scheduled_offset=0,
        offset=0,
    )


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server context that only itself trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
