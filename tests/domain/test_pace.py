"""The pauses between events, and how a speed shortens them."""

from __future__ import annotations

import pytest

from streams.domain.pace import pace_in


@pytest.mark.parametrize(
    ("text", "due_s"), [("1x", 20.0), ("10x", 2.0), ("0.5x", 40.0), ("max", 0.0)]
)
def test_a_factor_divides_the_pauses(text: str, due_s: float) -> None:
    pace = pace_in(text)
    assert pace.due_s(1_020_000, 1_000_000) == due_s
    assert pace.due_s(1_000_000, 1_000_000) == 0


def test_a_record_with_an_older_time_than_the_first_does_not_wait() -> None:
    assert pace_in("1x").due_s(999, 1_000) == 0


@pytest.mark.parametrize(
    "text", ["", "0x", "0.0x", "10", "x", "-1x", "fast", "MAX", "1e3x", "infx"]
)
def test_anything_else_is_no_speed(text: str) -> None:
    with pytest.raises(ValueError, match="10x"):
        pace_in(text)
