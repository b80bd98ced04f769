"""Reading values out of the page's markup: texts, numbers, first match of several selectors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from selectolax.lexbor import LexborNode

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_COUNT = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:[.,'\u2019\s]\d{2,3})+(?!\d)|\d+(?![\d.,]*\d))")
"""With groups of thousands (two digits in India), or plain; never a decimal such as 4.5."""
_SHORT = re.compile(
    r"(\d+)(?:[.,](\d))?\s?(K|mil|тыс|tys|Tsd|bin|千|천|हज़ार|ألف|万|萬|만)(?![a-zA-Z])",
    re.IGNORECASE,
)
_TEN_THOUSAND = "万萬만"
_SEPARATORS = str.maketrans({"\u066b": ".", "\u066c": ",", "\uff0c": ", ", "\uff0e": "."})
"""The Arabic decimal and thousands signs, and the wide ones of CJK texts."""


def first(node: LexborNode, selectors: Sequence[str]) -> LexborNode | None:
    """The first match of the first selector that matches below ``node``."""
    for selector in selectors:
        found = node.css_first(selector)
        if found is not None:
            return found
    return None


def text_of(node: LexborNode | None) -> str:
    """The text as a reader sees it: line breaks and picture letters kept, ends trimmed."""
    if node is None:
        return ""
    parts: list[str] = []
    _collect(node, parts)
    return "".join(parts).strip()


def line_of(node: LexborNode | None) -> str:
    """The text in one line: every kind of blank is one space."""
    return one_line(text_of(node))


def one_line(text: str) -> str:
    """``text`` with every run of blanks, also U+00A0 and U+202F, as one space."""
    return " ".join(text.split())


def attribute(node: LexborNode | None, name: str) -> str:
    """An attribute's value; empty when there is none."""
    return "" if node is None else node.attributes.get(name) or ""


def numbers_in(text: str) -> list[float]:
    """Numbers as in "4,5 stars", in any script's digits."""
    found = _NUMBER.findall(text.translate(_SEPARATORS))
    return [float(number.replace(",", ".")) for number in found]


def counts_in(text: str) -> list[int]:
    """Whole numbers with any thousands separator: "1,680", "1.680", "1 680", "12K", "1.2万"."""
    line = one_line(text.translate(_SEPARATORS))
    short = _SHORT.search(line)
    if short:
        unit = 10_000 if short[3] in _TEN_THOUSAND else 1_000
        return [int(short[1]) * unit + int(short[2] or 0) * unit // 10]
    return [int(re.sub(r"\D", "", count)) for count in _COUNT.findall(line)]


def inside(node: LexborNode, ancestors: Iterable[LexborNode]) -> bool:
    """Whether ``node`` lies in one of ``ancestors``."""
    wanted = {ancestor.mem_id for ancestor in ancestors}
    parent = node.parent
    while parent is not None:
        if parent.mem_id in wanted:
            return True
        parent = parent.parent
    return False


def _collect(node: LexborNode, parts: list[str]) -> None:
    child = node.first_child
    while child is not None:
        if child.is_text_node:
            parts.append(child.text_content or "")
        elif child.tag == "br":
            parts.append("\n")
        elif child.tag == "img":
            parts.append(attribute(child, "alt"))
        elif child.tag not in {"script", "style", "button"}:
            _collect(child, parts)
        child = child.next
