"""One stack for all stories that leave it whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.system import System, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A stack with two workers of one browser each, and the demo site."""
    data_dir = tmp_path_factory.mktemp("stack")
    arguments = ["--demo", "--port", "0", "--workers", "2", "--slots", "1"]
    # Nobody waits five minutes for the second run of a monitor.
    with running(System(data_dir, arguments, {"SCRAPESTREAM_MONITOR_MIN_EVERY_S": "1"})) as started:
        yield started


@pytest.fixture
def own_dir(tmp_path: Path) -> Path:
    """A directory for a stack of a test's own."""
    return tmp_path / "stack"
