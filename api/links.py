"""Addresses that answers contain."""

from __future__ import annotations

from urllib.parse import urlsplit

from streams.settings import Settings


class Links:
    """Builds links; made once from the settings."""

    def __init__(self, settings: Settings) -> None:
        self.base = settings.api_url()
        """``public_url``, or the address that we listen on; without a slash at the end."""
        self._prefix = urlsplit(self.base).path

    def reviews(self, job_id: str) -> str:
        """Absolute, since it travels in webhooks."""
        return f"{self.base}/jobs/{job_id}/reviews"

    def problem(self, code: str) -> str:
        """The page that explains an error code: a problem's ``type``."""
        return f"{self.base}/problems/{code}"

    def path(self, path: str) -> str:
        """A relative reference: right behind any proxy, whatever name the client used."""
        return self._prefix + path
