"""A whole API over twins in memory: one broker, one store, as many processes as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.world import World, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened
