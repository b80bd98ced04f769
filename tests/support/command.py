"""How tests run the command: see the fixture ``run`` of ``tests/cli``."""

from __future__ import annotations

from typing import Protocol

from typer.testing import Result


class Run(Protocol):
    """Runs the command in this process."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Exit code, stdout, stderr, and both together."""
