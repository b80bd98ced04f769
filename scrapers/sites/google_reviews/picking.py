"""Looks for fields in a card, and counts which selector served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from selectolax.lexbor import LexborNode

from scrapers.contract import FieldSelectors

T = TypeVar("T")


class Picker:
    """Reads below one element after the other; ``used`` counts by ``FieldSelectors.key``."""

    def __init__(self, used: Counter[str]) -> None:
        self.used = used

    def value(
        self,
        node: LexborNode,
        table: FieldSelectors,
        value_of: Callable[[LexborNode], T | None],
        *,
        among: slice = slice(None),
    ) -> T | None:
        """The value of the first element that has one, selector by selector.

        ``among`` are the selectors of ``table`` that are tried; ``node`` itself may match.
        """
        for selector in table.selectors[among]:
            for found in node.css(selector):
                value = value_of(found)
                if value is not None:
                    self.used[table.key(selector)] += 1
                    return value
        return None

    def nodes(
        self, node: LexborNode, table: FieldSelectors, accepts: Callable[[LexborNode], bool]
    ) -> list[LexborNode]:
        """The elements of the first selector that has any which are accepted."""
        for selector in table.selectors:
            found = [each for each in node.css(selector) if accepts(each)]
            if found:
                self.used[table.key(selector)] += 1
                return found
        return []
