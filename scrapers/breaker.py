"""When to leave a site alone: a circuit breaker, as data and rules without a clock."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_PAUSE_S = 3600.0
"""A site's own wish is heard up to here: after it, one attempt looks again."""
TRIAL_SHARE = 0.1
"""While one attempt tries, others wait for this share of a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """How much is too much."""

    blocks: int = 3
    """Blocked attempts in a row that open it; 0: it never opens."""
    window_s: float = 600.0
    """Time within which they must come, seconds."""
    pause_s: float = 300.0
    """How long it stays open, seconds; a site that asks for more gets more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An attempt may go on. Exactly one of ``Breaker``'s endings follows."""

    is_trial: bool = False
    """Whether it alone finds out if the site takes us again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """An attempt is not worth it now."""

    wait_s: float


class Breaker:
    """Of one site. Closed; open after some blocks in a row; then half open for one trial."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._blocked_at_s: list[float] = []
        """When blocks came, since the last attempt that got through; while closed."""
        self._open_until_s: float | None = None
        """None while closed."""
        self._has_trial = False

    @property
    def is_open(self) -> bool:
        """Whether the site is paused, or on trial."""
        return self._open_until_s is not None

    @property
    def is_idle(self) -> bool:
        """Whether it remembers nothing."""
        return not (self._blocked_at_s or self.is_open)

    def pause_s(self, now_s: float) -> float:
        """Seconds that the pause lasts still."""
        return max(0.0, (self._open_until_s or now_s) - now_s)

    def admit(self, now_s: float) -> Admitted | Paused:
        """Ask for one attempt."""
        if self._open_until_s is None:
            return Admitted()
        if now_s < self._open_until_s:
            return Paused(wait_s=self._open_until_s - now_s)
        if self._has_trial:
            return Paused(wait_s=self._rules.pause_s * TRIAL_SHARE)
        self._has_trial = True
        return Admitted(is_trial=True)

    def blocked(self, admitted: Admitted, now_s: float, retry_after_s: float | None = None) -> bool:
        """The site has blocked the attempt; returns whether this opens the breaker (again)."""
        if admitted.is_trial:
            self._has_trial = False
        elif self.is_open:
            return False  # it began before the pause, which it does not make longer
        else:
            since_s = now_s - self._rules.window_s
            self._blocked_at_s = [at_s for at_s in self._blocked_at_s if at_s >= since_s]
            self._blocked_at_s.append(now_s)
            if not 0 < self._rules.blocks <= len(self._blocked_at_s):
                return False
        pause_s = max(self._rules.pause_s, min(retry_after_s or 0.0, LONGEST_PAUSE_S))
        self._blocked_at_s = []
        self._open_until_s = now_s + pause_s
        return True

    def passed(self, admitted: Admitted) -> bool:
        """The site has let the attempt through; returns whether this closes the breaker."""
        if admitted.is_trial:
            self._has_trial = False
            self._open_until_s = None
            return True
        self._blocked_at_s = []
        return False

    def abandoned(self, admitted: Admitted) -> None:
        """The attempt ended without a word of the site's: stopped, or its browser was lost."""
        if admitted.is_trial:
            self._has_trial = False


class Pace:
    """Spreads the page loads of one site evenly."""

    def __init__(self, per_minute: float) -> None:
        """``per_minute`` 0 is no limit."""
        self._step_s = 60.0 / per_minute if per_minute > 0 else 0.0
        self._next_s = 0.0

    def reserve(self, now_s: float) -> float:
        """Take the next place; returns when it is, on the clock of ``now_s``."""
        due_s = max(now_s, self._next_s)
        self._next_s = due_s + self._step_s
        return due_s

    def is_idle(self, now_s: float) -> bool:
        """Whether a place taken now would be now."""
        return self._next_s <= now_s
