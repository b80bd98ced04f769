"""What is signed, with which key, and what a receiver can tell from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from streams.errors import InvalidRequestError
from streams.webhook_signature import check_webhook_secret, signed_headers, verify

BODY = '{"event":"job.completed","name":"Café"}'.encode()
ID = "9b2f4c1e-0000-5000-8000-000000000001"
KEY = bytes(range(32))
STANDARD_SECRET = "whsec_" + base64.b64encode(KEY).decode()
PLAIN_SECRET = "correct horse ✓"
NOW = datetime(2026, 11, 22, 10, 0, 0, 900_000, tzinfo=UTC)


def test_a_standard_secret_is_verified_by_the_reference_library() -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), STANDARD_SECRET)
    assert Webhook(STANDARD_SECRET).verify(BODY, headers)["name"] == "Café"


def test_any_other_secret_is_a_key_as_utf8() -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), PLAIN_SECRET)
    assert Webhook(PLAIN_SECRET.encode()).verify(BODY, headers)


@pytest.mark.parametrize("secret", [STANDARD_SECRET, PLAIN_SECRET])
def test_the_plain_signature_is_hex_of_the_body_under_the_whole_secret(secret: str) -> None:
    headers = signed_headers(ID, BODY, NOW, secret)
    expected = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    assert headers["X-Webhook-Signature"] == expected


def test_the_timestamp_is_whole_seconds_of_the_try() -> None:
    assert signed_headers(ID, BODY, NOW, None)["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_without_a_secret_nothing_is_signed() -> None:
    headers = {name.lower() for name in signed_headers(ID, BODY, NOW, None)}
    assert headers == {"content-type", "user-agent", "webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize("secret", [STANDARD_SECRET, PLAIN_SECRET, "whsec_" + "QUJD"])
def test_what_we_sign_we_verify(secret: str) -> None:
    headers = signed_headers(ID, BODY, NOW, secret)
    assert verify(BODY, headers, secret, now=NOW).ok


def test_an_unpadded_standard_secret_is_the_same_key() -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), STANDARD_SECRET.rstrip("="))
    assert Webhook(STANDARD_SECRET).verify(BODY, headers)


def test_one_changed_byte_breaks_both_signatures() -> None:
    headers = signed_headers(ID, BODY, NOW, STANDARD_SECRET)
    verified = verify(BODY.replace(b"completed", b"Completed"), headers, STANDARD_SECRET, now=NOW)
    assert (verified.standard, verified.plain, verified.fresh) == (False, False, True)


def test_another_id_or_time_breaks_the_standard_signature_only() -> None:
    signed = signed_headers(ID, BODY, NOW, STANDARD_SECRET)
    for change in ({"webhook-id": "other"}, {"webhook-timestamp": str(int(NOW.timestamp()) + 1)}):
        verified = verify(BODY, {**signed, **change}, STANDARD_SECRET, now=NOW)
        assert (verified.standard, verified.plain) == (False, True)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_future_timestamp_is_not_fresh(minutes: int) -> None:
    headers = signed_headers(ID, BODY, NOW + timedelta(minutes=minutes), STANDARD_SECRET)
    verified = verify(BODY, headers, STANDARD_SECRET, now=NOW)
    assert verified.standard
    assert not verified.fresh
    assert not verified.ok


def test_one_of_several_signatures_is_enough() -> None:
    headers = signed_headers(ID, BODY, NOW, STANDARD_SECRET)
    headers["webhook-signature"] = f"v1,b3RoZXI= v1a,xyz {headers['webhook-signature']}"
    assert verify(BODY, headers, STANDARD_SECRET, now=NOW).standard


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "v1,"},
        {"webhook-signature": ""},
        {"webhook-signature": "nonsense, , \udcff"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 40},
        {"webhook-timestamp": "٣"},
        {"webhook-id": "\udcff"},
        {"X-Webhook-Signature": "\udcff"},
    ],
)
def test_whatever_comes_is_answered_without_an_error(change: dict[str, str]) -> None:
    headers = signed_headers(ID, BODY, NOW, STANDARD_SECRET)
    assert not verify(BODY, {**headers, **change}, STANDARD_SECRET, now=NOW).ok
    assert not verify(b"\xff\xfe", headers, STANDARD_SECRET, now=NOW).ok
    assert not verify(BODY, {}, STANDARD_SECRET, now=NOW).ok


def test_the_wrong_secret_verifies_nothing() -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), PLAIN_SECRET)
    verified = verify(BODY, headers, STANDARD_SECRET)
    assert not verified.standard
    assert not verified.plain
    with pytest.raises(WebhookVerificationError):
        Webhook(STANDARD_SECRET).verify(BODY, headers)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_===", "whsec_not-base64!", "whsec_abcde", "\ud800", "x" * 513]
)
def test_a_secret_that_cannot_sign_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_webhook_secret(secret)
    assert len(secret) < 8 or secret not in str(refused.value)


@pytest.mark.parametrize("secret", [STANDARD_SECRET, PLAIN_SECRET, "s"])
def test_a_secret_that_can_sign_is_taken(secret: str) -> None:
    check_webhook_secret(secret)


def test_the_examples_of_the_documentation_verify_what_we_sign() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/webhooks.md").read_text("utf-8")
    shown: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(example, shown)  # noqa: S102 - our own page
    body = b'{"job_id":"5f0c"}'
    for secret in (STANDARD_SECRET, PLAIN_SECRET):
        headers = signed_headers(ID, body, datetime.now(UTC), secret)
        assert shown["job_id_in"](body, headers, secret) == "5f0c"
        assert shown["is_ours"](body, headers, secret)
        assert not shown["is_ours"](body + b" ", headers, secret)
