"""Encrypts webhook secrets before they enter a topic, and keys of personal data."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from streams.errors import InvalidSettingError


class Sealer:
    """Seals with the settings' ``secret_key``; the same key reads what it sealed."""

    def __init__(
        self, key: str, *, name: str = "SECRET_KEY", what: str = "a webhook secret"
    ) -> None:
        """``name``: another setting, which seals ``what``."""
        self._name, self._what = name, what
        try:
            self._fernet = Fernet(key.encode())
        except (ValueError, TypeError):
            raise InvalidSettingError(
                f"SCRAPESTREAM_{name} must be 32 bytes in URL-safe base64; make one with "
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
                f"{self._what} was encrypted with another SCRAPESTREAM_{self._name}"
            ) from None
