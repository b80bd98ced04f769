"""When records rush in: told by how many were read in a while, not by the gap between two."""

from __future__ import annotations

import pytest

from streams.patience import RUSH_PER_S, WINDOW_S, Rush


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def read(rush: Rush, clock: Clock, *, per_s: float, for_s: float) -> list[bool]:
    """Reads each 5 ms; what was told after each."""
    told = []
    owed = 0.0
    for _ in range(round(for_s / 0.005)):
        clock.now_s += 0.005
        owed += per_s * 0.005
        told.append(rush.note(int(owed)))
        owed -= int(owed)
    return told


def test_a_job_now_and_then_is_no_rush(clock: Clock) -> None:
    assert not any(read(Rush(clock), clock, per_s=RUSH_PER_S / 4, for_s=2))


def test_two_records_in_a_millisecond_are_none_either(clock: Clock) -> None:
    rush = Rush(clock)
    clock.now_s += 0.001
    assert not rush.note(1)
    clock.now_s += 0.001
    assert not rush.note(1)


def test_thousands_are_one_after_a_while_and_until_they_end(clock: Clock) -> None:
    rush = Rush(clock)
    told = read(rush, clock, per_s=RUSH_PER_S * 4, for_s=1)
    assert not told[0]
    assert all(told[round(WINDOW_S / 0.005) + 1 :])
    clock.now_s += 0.5
    assert not rush.note(0)
