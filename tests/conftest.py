"""Real parts for the tests that need some: a broker, a registry, a ClickHouse engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from scrapestream.process.topics import set_up
from streams.settings import Settings
from tests.support.system import System, running


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a stack without roles, its topics and tables made."""
    with running(System(tmp_path_factory.mktemp("parts"), ["--only-parts"])) as system:
        addresses = system.addresses()
        settings = replace(
            Settings(),
            kafka_url=addresses["kafka"],
            registry_url=addresses["registry"],
            clickhouse_url=addresses["clickhouse"],
            secret_key=Fernet.generate_key().decode(),
            personal_key=Fernet.generate_key().decode(),  # some tests encrypt, and all read it
            browser_sandbox=os.geteuid() != 0,
            batch_ms=50,
        )
        # In a thread: a test's event loop may run in this one already.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, set_up(settings)).result()
        yield settings
