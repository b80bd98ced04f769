"""How many jobs of one tenant, kind or site may be at work at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NO_LIMIT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A number for each name: its own, or everybody's."""

    default: float = NO_LIMIT
    of: Mapping[str, float] = field(default_factory=dict)

    def find(self, name: str) -> float:
        """The number for ``name``."""
        return self.of.get(name, self.default)

    @property
    def is_set(self) -> bool:
        """Whether it says anything at all."""
        return bool(self.default or self.of)

    def allows(self, name: str, *counts: Mapping[str, int]) -> bool:
        """Whether one more of ``name`` is within it, besides those counted."""
        most = self.find(name)
        return not most or sum(each.get(name, 0) for each in counts) < most


def quota_in(texts: Sequence[str], default: float = NO_LIMIT) -> Quota:
    """Read ``["5", "acme=20"]``: 5 for everybody, 20 for ``acme``.

    Raises:
        ValueError: a part is no number of 0 or more; the text says which.
    """
    of: dict[str, float] = {}
    for text in texts:
        name, has_name, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or (has_name and not name.strip()):
            raise ValueError(f"{text!r} is neither a number nor NAME=NUMBER")
        if has_name:
            of[name.strip()] = value
        else:
            default = value
    return Quota(default=default, of=of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most jobs at work at the same time; 0: as many as there are slots."""

    per_tenant: Quota = Quota()
    per_kind: Quota = Quota()
    per_site: Quota = Quota()
    tenant_weights: Quota = Quota(default=1.0)

    @property
    def is_set(self) -> bool:
        """Whether anything is limited."""
        return any(quota.is_set for quota in (self.per_tenant, self.per_kind, self.per_site))

    def weight(self, tenant: str) -> float:
        """A tenant's share, relative to the others'."""
        return self.tenant_weights.find(tenant) or 1.0


@dataclass(slots=True)
class Counts:
    """Jobs at work, by what limits can be set for."""

    tenants: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)

    def add(self, tenant: str, kind: str, site: str, number: int = 1) -> None:
        """Count a job in, or out with -1; names without jobs are forgotten."""
        named = ((self.tenants, tenant), (self.kinds, kind), (self.sites, site))
        for counts, name in named:
            counts[name] += number
            if not counts[name]:
                del counts[name]
