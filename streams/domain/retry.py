"""How long to wait before the next attempt."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

JITTER = 0.25  # spreads jobs that failed together, without making anybody wait much longer


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The rules of one kind of retry."""

    base_s: float = 2.0
    """The first pause; each further one is twice as long."""
    longest_s: float = 3600.0


def retry_delay_s(policy: RetryPolicy, key: str, failures: int) -> float:
    """Seconds to wait after the ``failures``-th failure (from 1) of ``key``.

    The jitter follows from the key, so that a decision taken again is the same decision.
    """
    spread = zlib.crc32(f"{key}/{failures}".encode()) / 0xFFFFFFFF
    delay = policy.base_s * 2.0 ** (failures - 1) * (1 + JITTER * spread)
    return float(min(policy.longest_s, delay))
