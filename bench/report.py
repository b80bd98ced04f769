"""Numbers, printed beside their bounds."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def line(what: str, value: float, unit: str, *, at_most: float = 0, at_least: float = 0) -> None:
    """Print one number; the bound is the design's."""
    bound = ""
    if at_most:
        bound = f"(bound: at most {at_most:g}{'' if value <= at_most else ', MISSED'})"
    if at_least:
        bound = f"(bound: at least {at_least:g}{'' if value >= at_least else ', MISSED'})"
    print(f"  {what:<46} {value:>12,.2f} {unit:<10} {bound}", flush=True)
