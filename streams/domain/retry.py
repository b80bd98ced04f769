"""What is tried again, what is final, and how long to wait: the one table of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

JITTER = 0.25  # spreads jobs that failed together, without making anybody wait much longer


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The rules of one kind of retry."""

    base_s: float = 2.0
    """The first pause; each further one is twice as long."""
    longest_s: float = 3600.0


class AttemptEnd(StrEnum):
    """How an attempt ended without success."""

    FAILED = "failed"
    """The worker says that another try may end differently."""
    REFUSED = "refused"
    """The worker says that no try will: not a place, options that cannot work, its own time-out."""
    LOST = "lost"
    """Nothing was heard of the worker for its lease, or it ran far past the attempt's time."""
    HANDED_BACK = "handed back"
    """The worker stopped without a fault of the job, as at its shutdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What follows an attempt."""

    again: bool
    """Whether there is another one, as long as attempts are left."""
    grows: bool = False
    """Whether the pause is for the site's sake, and doubles each time; else there is none."""
    is_free: bool = False
    """Whether another one comes even when no attempt is left: this one cost none."""


RULES: Mapping[AttemptEnd, Rule] = {
    AttemptEnd.FAILED: Rule(again=True, grows=True),
    AttemptEnd.REFUSED: Rule(again=False),
    AttemptEnd.LOST: Rule(again=True),  # a dead worker is not the site's fault
    AttemptEnd.HANDED_BACK: Rule(again=True, is_free=True),
}


def wait_s(
    rule: Rule, policy: RetryPolicy, key: str, *, failures: int, asked_s: float | None
) -> float:
    """Seconds until the next attempt. ``asked_s``, the site's Retry-After, can only lengthen it."""
    pause_s = retry_delay_s(policy, key, max(1, failures)) if rule.grows else 0.0
    return max(pause_s, asked_s or 0.0)


def retry_delay_s(policy: RetryPolicy, key: str, failures: int) -> float:
    """Seconds to wait after the ``failures``-th failure (from 1) of ``key``.

    The jitter follows from the key, so that a decision taken again is the same decision.
    """
    spread = zlib.crc32(f"{key}/{failures}".encode()) / 0xFFFFFFFF
    delay = policy.base_s * 2.0 ** (failures - 1) * (1 + JITTER * spread)
    return float(min(policy.longest_s, delay))
