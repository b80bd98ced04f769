"""Addresses that answers contain."""

from __future__ import annotations

from urllib.parse import urlsplit

from streams.settings import Settings


class Links:
    """Builds links; made once from the settings."""

    def __init__(self, settings: Settings) -> None:
        self.base = settings.api_url()
        """``public_url``, or the address that we listen on; without a slash at the end."""
        self.has_files = bool(settings.results_url)
        """Whether results are kept as files."""
        self.file_days = settings.results_days
        """Whole days that files are kept; 0: for ever."""
        self._prefix = urlsplit(self.base).path

    def reviews(self, job_id: str) -> str:
        """Absolute, since it travels in webhooks."""
        return f"{self.base}/jobs/{job_id}/reviews"

    def file(self, job_id: str) -> str:
        """Where the file of results is had, however long after."""
        return f"{self.base}/jobs/{job_id}/file"

    def problem(self, code: str) -> str:
        """The page that explains an error code: a problem's ``type``."""
        return f"{self.base}/problems/{code}"

    def path(self, path: str) -> str:
        """A relative reference: right behind any proxy, whatever name the client used."""
        return self._prefix + path
