"""Addresses that answers contain."""

from __future__ import annotations

from urllib.parse import urlsplit

from streams.settings import Settings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - not bound here


class Links:
    """Builds links; made once from the settings."""

    def __init__(self, settings: Settings) -> None:
        host = EVERYWHERE.get(settings.api_host, settings.api_host)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        self.base = settings.public_url.rstrip("/") or f"http://{host}:{settings.api_port}"
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
