"""Encrypts webhook secrets before they enter a topic."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from streams.errors import InvalidSettingError


class Sealer:
    """Seals with the settings' ``secret_key``; the same key reads what it sealed."""

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key.encode())
        except (ValueError, TypeError):
            raise InvalidSettingError(
                "SCRAPESTREAM_SECRET_KEY must be 32 bytes in URL-safe base64; make one with "
                '`python -c "from cryptography.fernet import Fernet; '
                'print(Fernet.generate_key().decode())"`'
            ) from None  # the value must not stand in a traceback

    def seal(self, secret: str) -> str:
        """Encrypted text, different each time."""
        return self._fernet.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """The secret again.

        Raises:
            InvalidSettingError: it was sealed with another key.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise InvalidSettingError(
                "a webhook secret was encrypted with another SCRAPESTREAM_SECRET_KEY"
            ) from None
