"""Signs webhooks, and verifies what was signed: Standard Webhooks and a plain hex HMAC.

https://www.standardwebhooks.com: the key is what stands in base64 behind ``whsec_``. Of any
other secret the key is its text as UTF-8. ``X-Webhook-Signature`` always uses the whole text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from streams.errors import InvalidRequestError

PREFIX = "whsec_"
LONGEST_SECRET = 512
TOLERANCE = timedelta(minutes=5)  # as the reference libraries have it, past and future
USER_AGENT = "Scrapestream-Webhooks/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What of a received webhook holds."""

    standard: bool
    """``webhook-signature`` fits id, timestamp and body."""
    plain: bool
    """``X-Webhook-Signature`` fits the body."""
    fresh: bool
    """``webhook-timestamp`` is within five minutes of now."""

    @property
    def ok(self) -> bool:
        """Whether the receiver may trust it."""
        return self.standard and self.plain and self.fresh


def check_webhook_secret(secret: str) -> None:
    """Refuse a secret that cannot sign.

    Raises:
        InvalidRequestError: says what is wrong, without the secret.
    """
    if len(secret) > LONGEST_SECRET:
        raise InvalidRequestError(f"webhook_secret is longer than {LONGEST_SECRET} characters")
    _key(secret)


def signed_headers(
    delivery_id: str, body: bytes, at: datetime, secret: str | None
) -> dict[str, str]:
    """The headers of one try at ``at``, body in UTF-8; without a secret nothing is signed.

    Raises:
        InvalidRequestError: the secret cannot sign; ``check_webhook_secret`` says so before.
    """
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
    }
    if secret is not None:
        key = _key(secret)
        headers["webhook-signature"] = Webhook(key).sign(
            delivery_id, at.astimezone(UTC), body.decode()
        )
        headers["X-Webhook-Signature"] = _plain(secret, body)
    return headers


def verify(
    body: bytes, headers: Mapping[str, str], secret: str, *, now: datetime | None = None
) -> Verification:
    """Check a received webhook; whatever came, the answer is a ``Verification``.

    Raises:
        InvalidRequestError: ``secret`` itself cannot sign.
    """
    given = {name.lower(): value for name, value in headers.items()}
    key = _key(secret)
    at = _time_in(given.get("webhook-timestamp", ""))
    standard = ""
    if at is not None:
        # What is not UTF-8 is not ours: with the replacements no signature fits.
        text = body.decode("utf-8", "replace")
        standard = Webhook(key).sign(_clean(given.get("webhook-id", "")), at, text)
    signatures = given.get("webhook-signature", "").split(" ")
    return Verification(
        standard=at is not None and any(_same(standard, one) for one in signatures),
        plain=_same(_plain(secret, body), given.get("x-webhook-signature", "")),
        fresh=at is not None and abs((now or datetime.now(UTC)) - at) <= TOLERANCE,
    )


def _plain(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _key(secret: str) -> bytes:
    if not secret:
        raise InvalidRequestError("webhook_secret is empty; leave it out to send unsigned")
    if not secret.startswith(PREFIX):
        try:
            return secret.encode()
        except UnicodeEncodeError:
            raise InvalidRequestError("webhook_secret is not valid Unicode text") from None
    text = secret.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidRequestError(
            f"webhook_secret starts with {PREFIX} but does not go on in base64; "
            "correct it, or take one without this prefix"
        )
    return key


def _time_in(text: str) -> datetime | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        return None
    return datetime.fromtimestamp(int(text), tz=UTC)


def _same(expected: str, given: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(expected.encode(), _clean(given).encode())


def _clean(text: str) -> str:
    """``text`` without the half characters by which servers carry stray bytes of a header."""
    return text.encode("utf-8", "replace").decode()
