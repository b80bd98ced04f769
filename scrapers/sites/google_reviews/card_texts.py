"""Reads the texts of a card: the review, its translation, and the owner's reply."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from scrapers.sites.google_reviews import selectors as where
from scrapers.sites.google_reviews.markup import attribute, inside, line_of, text_of
from scrapers.sites.google_reviews.picking import Picker
from scrapers.sites.google_reviews.relative_dates import relative_date_in

OWN_PARTS = "[data-href*='/contrib/'], [role=img], [id^='ucc-'], [tabindex][lang]"
"""What the review itself has and a reply has not: author, stars, text."""
DETAILS = ".PBK6be"

_BOTH_TEXTS = re.compile(
    r"\(Translated by Google\)\s*(?P<translated>.+?)\s*\(Original\)\s*(?P<original>.+)", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The owner's reply of a card."""

    blocks: Sequence[LexborNode]
    """What it stands in: nothing of it belongs to the review."""
    fields: dict[str, object]
    """The fields ``owner_response_...`` of an item."""

    def holds(self, node: LexborNode) -> bool:
        """Whether ``node`` belongs to the reply."""
        return any(node.mem_id == block.mem_id for block in self.blocks) or inside(
            node, self.blocks
        )


def read_reply(card: LexborNode, pick: Picker) -> Reply:
    """The reply; without blocks when there is none."""
    known = {block.mem_id for block in card.css(where.REPLY.usual[0])}
    blocks = pick.nodes(card, where.REPLY, lambda node: node.mem_id in known or _is_reply(node))
    text = date = language = None
    if blocks:
        block = blocks[0]
        text = pick.value(block, where.REPLY_TEXT, lambda node: text_of(node) or None)
        date = _reply_date(block, pick)
    if text:
        language = pick.value(
            block, where.REPLY_LANGUAGE, lambda node: attribute(node, "lang") or None
        )
    return Reply(
        blocks=blocks,
        fields={
            "owner_response_text": text,
            "owner_response_language": language,
            "owner_response_relative_date": date,
        },
    )


def read_text(card: LexborNode, reply: Reply, pick: Picker) -> dict[str, object]:
    """The fields of the review's text, its language and its translation."""
    details = card.css(DETAILS)
    node = pick.value(
        card, where.TEXT, lambda node: node if _is_text(node, reply, details) else None
    )
    text = text_of(node)
    # Set by our own script, which switches a translated card back to its original.
    translated: str | None = attribute(card, "data-shown-translation") or None
    translated_language: str | None = attribute(card, "data-shown-translation-language") or None
    language = _language(card, node, pick) if node is not None else None
    both = _BOTH_TEXTS.match(text)
    if both:
        text, translated, language = both["original"], both["translated"], None
    elif text and pick.nodes(card, where.SHOWN_TRANSLATED, lambda node: _is_own(node, reply)):
        text, translated, translated_language, language = "", text, language, None
    return {
        "text": text or None,
        "is_text_complete": not _is_cut(card, text, reply, pick) if text else None,
        "language": language,
        "text_translated": translated,
        "translated_language": translated_language,
    }


def _is_reply(node: LexborNode) -> bool:
    """Whether what stands where a reply may stand is one."""
    if node.css_first(OWN_PARTS) is not None:
        return False
    return node.css_first("[jsaction*='OwnerResponse']") is not None or any(
        relative_date_in(line_of(span)) for span in node.css("span:not([lang] *)")
    )


def _reply_date(block: LexborNode, pick: Picker) -> str | None:
    texts = block.css("[lang]")

    def shown(node: LexborNode) -> str | None:
        return None if inside(node, texts) else line_of(node) or None

    def known(node: LexborNode) -> str | None:
        line = shown(node)
        return line if line and relative_date_in(line) else None

    sure = slice(where.SURE_REPLY_DATES)
    return pick.value(block, where.REPLY_DATE, known) or pick.value(
        block, where.REPLY_DATE, shown, among=sure
    )


def _is_text(node: LexborNode, reply: Reply, details: Sequence[LexborNode]) -> bool:
    """Whether it is a text, not the reply, and no detail such as "Food: 5" beside it."""
    return not reply.holds(node) and not inside(node, details) and bool(text_of(node))


def _language(card: LexborNode, text: LexborNode, pick: Picker) -> str | None:
    """The language that an element around ``text`` names, or that itself names."""
    around = {text.mem_id}
    parent = text.parent
    while parent is not None:
        around.add(parent.mem_id)
        parent = parent.parent

    def named(node: LexborNode) -> str | None:
        return attribute(node, "lang") or None if node.mem_id in around else None

    return pick.value(card, where.LANGUAGE, named)


def _is_cut(card: LexborNode, text: str, reply: Reply, pick: Picker) -> bool:
    more = pick.nodes(card, where.MORE, lambda node: _is_own(node, reply))
    if not more:
        return text.endswith((" …", "\u00a0…"))
    return any(attribute(button, "aria-expanded") != "true" for button in more)


def _is_own(button: LexborNode, reply: Reply) -> bool:
    return not reply.holds(button) and "OwnerResponse" not in attribute(button, "jsaction")
