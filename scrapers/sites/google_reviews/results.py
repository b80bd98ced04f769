"""Finds the place meant in a list of search results. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapers.sites.google_reviews.addresses import search_in
from scrapers.sites.google_reviews.markup import attribute, line_of
from scrapers.sites.google_reviews.words import SPONSORED_WORDS

FEED = "[role=feed]"
RESULTS = ("[role=feed] .Nv2PK", "[role=feed] [role=article]")
LINK = ("a.hfpxzc[href]", "a[href*='/maps/place/']")
NAME = (".qBF1Pd", ".fontHeadlineSmall", "[role=heading]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a list of results holds, without those that somebody paid for."""

    count: int
    url: str | None
    """The one place that is meant: the only one, or the only one of the name searched for."""


def results_in(url: str, html: str) -> Results | None:
    """Read the list of results in ``html``, loaded from ``url``; None when there is none."""
    tree = LexborHTMLParser(html)
    if tree.css_first(FEED) is None:
        return None
    cards = next((found for selector in RESULTS if (found := tree.css(selector))), [])
    places = {
        link: _plain(_name(card))
        for card in cards
        if (link := _link(card, url)) is not None and not _is_sponsored(card)
    }
    wanted = search_in(url)
    names = {_plain(wanted), _plain(wanted.split(",")[0])} - {""}  # "name, street, town" as well
    meant = [link for link, name in places.items() if name in names]
    if len(places) == 1:
        meant = list(places)
    return Results(count=len(places), url=meant[0] if len(meant) == 1 else None)


def sentence_of(results: Results) -> str:
    """Why none of them was opened, and what can be done."""
    return (
        f"The address is a search with {results.count} results, and not exactly one of them has "
        "the name searched for. Nothing was saved. Open the place you mean and take its link."
    )


def _link(card: LexborNode, url: str) -> str | None:
    """The place's address; None when it is no place on the same host."""
    for selector in LINK:
        node = card.css_first(selector)
        if node is None:
            continue
        try:
            link = urljoin(url, attribute(node, "href"))
            parts = urlsplit(link)
            is_ours = parts.netloc == urlsplit(url).netloc and parts.scheme in {"http", "https"}
        except ValueError:  # no address at all
            continue
        if is_ours and parts.path.startswith("/maps/place/"):
            return link
    return None


def _name(card: LexborNode) -> str:
    for selector in NAME:
        name = line_of(card.css_first(selector))
        if name:
            return name
    label = attribute(card.css_first(", ".join(LINK)), "aria-label") or attribute(
        card, "aria-label"
    )
    return label.split(" · ")[0]  # "name · Visited link"


def _is_sponsored(card: LexborNode) -> bool:
    """Whether a text of its own says so; a name such as "Ad Astra" does not."""
    return any(
        node.text(deep=False).strip(" \u00a0·.").casefold() in SPONSORED_WORDS
        for node in card.css("span, div, h1, h2")
    )


def _plain(name: str) -> str:
    """Letters and digits alone, for a comparison."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", name).casefold()))
