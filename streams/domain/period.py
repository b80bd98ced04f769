"""Periods as people write them: ``6h``, ``1d12h``, or ISO 8601 (``PT6H``, ``P1D``)."""

from __future__ import annotations

import re

UNITS_S = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
SHORT = re.compile(
    r"(?:([0-9]{1,9})w)?(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?"
)
ISO = re.compile(
    r"P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?(?:T(?=\d)(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?"
)


def period_s(text: str) -> int:
    """The period in seconds.

    Raises:
        ValueError: it is none, or nothing; months and years have no length.
    """
    match = SHORT.fullmatch(text.strip().lower()) or ISO.fullmatch(text.strip().upper())
    if match is None or not any(match.groups()):
        raise ValueError("must be a period such as 6h, 1d, 1d12h, PT6H or P1D")
    return sum(
        int(count) * unit_s
        for count, unit_s in zip(match.groups(), UNITS_S.values(), strict=True)
        if count
    )


def period_text(seconds: int) -> str:
    """The period in its short form, such as ``1d12h``; weeks are told in days."""
    parts = []
    for unit in "dhms":
        count, seconds = divmod(seconds, UNITS_S[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
