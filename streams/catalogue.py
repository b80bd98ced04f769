"""Which kinds of scrape exist: what the API knows of scrapers, handed to it by the wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of scrape."""

    name: str
    accepts: Callable[[str], bool]
    """Whether it can scrape this URL."""
    examples: Sequence[str]
    item_schema: str
    """Short name of its items' schema, such as ``GoogleReview``."""
    item_id: str = ""
    """The field that tells its items apart."""
    check_options: Callable[[Mapping[str, str]], None] = lambda _: None
    """Raises InvalidRequestError for options that it cannot use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every kind."""

    kinds: Sequence[Kind]

    def find_kind(self, url: str) -> Kind | None:
        """The kind that accepts ``url``."""
        return next((kind for kind in self.kinds if kind.accepts(url)), None)

    def examples(self) -> str:
        """Accepted URLs, for messages."""
        return ", ".join(kind.examples[0] for kind in self.kinds)
