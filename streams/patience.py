"""How readers fetch that may wait: few records come late and together.

Each record wakes all readers of its topic at once. On a machine with few processors those that
nobody waits for are in the way of the one that starts the job. And a fetch costs as much as some
dozens of its records: in a rush even a reader that is waited for does better to let them gather.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENT_BYTES = 64 * 1024
"""With so much to give the broker answers at once."""
PATIENT_MS = 200
"""With less it answers after this."""

RUSH_PER_S = 400.0
"""Records a second from which on a fetch for each few of them costs more than they do."""
RUSH_BYTES = 32 * 1024
RUSH_MS = 25
"""As above, while they rush in."""
WINDOW_S = 0.1


class Rush:
    """Tells whether records come in a rush: as many as ``RUSH_PER_S``, for ``WINDOW_S``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since_s = clock()
        self._count = 0
        self.is_on = False

    def note(self, count: int) -> bool:
        """So many records were read now, maybe none; whether there is a rush."""
        self._count += count
        now_s = self._clock()
        if (took_s := now_s - self._since_s) >= WINDOW_S:
            self.is_on = self._count >= RUSH_PER_S * took_s
            self._since_s, self._count = now_s, 0
        return self.is_on
