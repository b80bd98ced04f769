"""How fast events are replayed into a topic."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

FASTEST = "max"
SPEED = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?)x")


@dataclass(frozen=True, slots=True)
class Pace:
    """The events' own pauses, divided by ``factor``; infinity: none at all."""

    factor: float = math.inf

    @property
    def is_fastest(self) -> bool:
        """Whether nothing waits."""
        return math.isinf(self.factor)

    def due_s(self, written_ms: int, first_ms: int) -> float:
        """Seconds after the start at which a record's turn is.

        Args:
            written_ms: when it was written, milliseconds since 1970.
            first_ms: when the first one was.
        """
        if self.is_fastest:
            return 0.0
        return max(0.0, (written_ms - first_ms) / 1000 / self.factor)


def pace_in(text: str) -> Pace:
    """The pace in ``10x`` or ``max``.

    Raises:
        ValueError: it is none; says what one is.
    """
    if text == FASTEST:
        return Pace()
    match = SPEED.fullmatch(text)
    if match is None or not float(match[1]):
        raise ValueError("a speed is a factor above 0 such as 1x, 10x or 0.5x, or max")
    return Pace(float(match[1]))
