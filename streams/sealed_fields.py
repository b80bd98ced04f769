"""What a person wrote or is known by, encrypted field by field for the log.

A sealed text is ``enc:v1:KEY_ID:BASE64``: AES-256-GCM over the UTF-8 text, URL-safe base64 of the
nonce (12 bytes) and the ciphertext with its tag. ``EVENT_ID/FIELD`` is authenticated with it, so
nobody can move a text to another review.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "enc:v1:"
KEY_HEADER = "encryption_key_id"
"""The record's header that names the key."""
KEY_BYTES = 32
NONCE_BYTES = 12
SEALED = frozenset(
    {
        *("author_name", "author_id", "author_url", "author_photo_url"),
        *("text", "text_translated", "owner_response_text", "photo_urls"),
    }
)
"""Fields of an item that are encrypted; all others stay clear: ids, numbers, dates, languages."""


class BrokenSealError(ValueError):
    """A sealed text was changed, moved, or sealed with another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """The key of what one author wrote in one job."""

    key_id: str
    secret: bytes
    """``KEY_BYTES`` bytes."""

    def __repr__(self) -> str:
        return f"DataKey({self.key_id})"


def new_key() -> DataKey:
    """A key that nobody has seen."""
    return DataKey(key_id=secrets.token_hex(16), secret=secrets.token_bytes(KEY_BYTES))


def sealed(fields: Mapping[str, Any], key: DataKey, event_id: str) -> Mapping[str, Any]:
    """The item with its personal fields encrypted; empty ones stay as they are."""
    cipher = AESGCM(key.secret)

    def seal(text: str, about: bytes) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        token = base64.urlsafe_b64encode(nonce + cipher.encrypt(nonce, text.encode(), about))
        return f"{PREFIX}{key.key_id}:{token.decode()}"

    return _changed(fields, event_id, seal)


def unsealed(fields: Mapping[str, Any], key: DataKey, event_id: str) -> Mapping[str, Any]:
    """The item as it was.

    Raises:
        BrokenSealError: a text is not as it was sealed.
    """
    cipher = AESGCM(key.secret)
    mark = f"{PREFIX}{key.key_id}:"

    def unseal(text: str, about: bytes) -> str:
        if not text.startswith(mark):
            raise BrokenSealError("a personal field is not sealed with the key that it names")
        try:
            token = base64.urlsafe_b64decode(text.removeprefix(mark))
            return cipher.decrypt(token[:NONCE_BYTES], token[NONCE_BYTES:], about).decode()
        except (InvalidTag, ValueError) as error:
            raise BrokenSealError("a sealed field was changed, or moved") from error

    return _changed(fields, event_id, unseal)


def _changed(
    fields: Mapping[str, Any], event_id: str, change: Callable[[str, bytes], str]
) -> Mapping[str, Any]:
    def changed(name: str, value: Any) -> Any:
        about = f"{event_id}/{name}".encode()
        if isinstance(value, str):
            return change(value, about)
        return [change(each, about) for each in value]

    return {
        name: changed(name, value) if name in SEALED and value else value
        for name, value in fields.items()
    }
