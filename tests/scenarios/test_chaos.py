"""Roles, browsers and the broker are killed, frozen and restarted while jobs run."""

from __future__ import annotations

from pathlib import Path

from bench import chaos

SEED = 7
JOBS = 6
OVER_S = 10.0


async def test_nothing_is_lost_or_doubled_while_processes_are_killed(tmp_path: Path) -> None:
    """``python -m bench chaos`` is the long form: more jobs, any seed, as many runs as wanted."""
    violations = await chaos.run(tmp_path, SEED, jobs=JOBS, over_s=OVER_S)
    assert violations == 0  # each is printed above
