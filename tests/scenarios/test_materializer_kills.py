"""Story: events keep coming, and the materializer is killed in the middle of its work, twice.

``python -m bench kills`` is the same with a hundred kills.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.kills import run

SEED = 20261122


@pytest.mark.timeout(240)
async def test_no_record_is_lost_and_none_is_stored_twice(tmp_path: Path) -> None:
    outcome = await run(tmp_path, SEED, kills=2)
    assert outcome.written > 0
    assert (outcome.lost, outcome.doubled, outcome.wrong_jobs) == (0, 0, 0), outcome
