"""How old the store's answers may be: what was read before then is in them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

KEPT = 1_200  # moments, one every few seconds: an hour of a materializer that is away


class StoreAge:
    """Compares how far the log was read, moment by moment, with how far it is stored."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moments: deque[tuple[float, Mapping[int, int]]] = deque(maxlen=KEPT)
        """When, and the offset after the last record that was read of each partition then."""
        self._as_of = clock()

    def note(self, read_to: Mapping[int, int]) -> None:
        """So far the log is read now."""
        self._moments.append((self._clock(), dict(read_to)))

    def learn(self, stored_to: Mapping[int, int]) -> None:
        """So far the log is stored, asked after the last ``note``."""
        while self._moments and _covers(stored_to, self._moments[0][1]):
            self._as_of, _ = self._moments.popleft()

    def seconds(self) -> float:
        """Everything that had been read so long ago is stored."""
        return max(0.0, self._clock() - self._as_of)


def _covers(stored_to: Mapping[int, int], read_to: Mapping[int, int]) -> bool:
    return all(stored_to.get(partition, 0) >= end for partition, end in read_to.items())
