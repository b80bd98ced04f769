"""Periods as people write them."""

from __future__ import annotations

import pytest

from streams.domain.period import period_s, period_text

HOUR_S, DAY_S = 3_600, 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6h", 6 * HOUR_S),
        ("1d", DAY_S),
        ("1d12h", DAY_S + 12 * HOUR_S),
        ("90m", 90 * 60),
        (" 1W ", 7 * DAY_S),
        ("45s", 45),
        ("PT6H", 6 * HOUR_S),
        ("P1D", DAY_S),
        ("P1DT30M", DAY_S + 30 * 60),
        ("p2w", 14 * DAY_S),
    ],
)
def test_a_period_has_a_length(text: str, seconds: int) -> None:
    assert period_s(text) == seconds
    assert period_s(period_text(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1M", "P1Y", "6", "h", "1h1d", "-1h", "1.5h", "٣h", "0x1h", "P1DT"]
)
def test_what_has_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 6h"):
        period_s(text)
