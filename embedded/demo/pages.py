"""The demo site's pages: a place as Google Maps shows it, and the pages that are none."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from typing import Any
from urllib.parse import quote_plus

from embedded.demo.generator import SORTS, STARS, PlaceKey, star_list

_HEAD = (
    '<!DOCTYPE html><html lang="en" itemscope itemtype="http://schema.org/Place"><head>'
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>{title}</title><link rel="icon" href="data:,">'
    '<link rel="stylesheet" href="/static/demo.css">{head}</head>'
)
_SORT_LABELS = ("Most relevant", "Newest", "Highest rating", "Lowest rating")


def place_page(
    key: PlaceKey,
    *,
    has_menu: bool,
    view: str,
    first_cards: list[dict[str, Any]],
    list_url: str,
    has_sort: bool = True,
) -> str:
    """A place (``view``: empty, ``no_reviews`` or ``limited``)."""
    name = escape(key.name)
    has_reviews = view == "" and key.reviews > 0
    boot = {"first": first_cards if has_reviews else [], "list": list_url}
    script = json.dumps(boot, ensure_ascii=False).replace("</", "<\\/")
    body = (
        '<div class="XltNde"><div class="e07Vkf kA9KIf dS8AEf" tabindex="-1">'
        f'<div class="m6QErb WNBkOb XiKgde " role="main" aria-label="{name}">'
        f"{_header(key, view, has_reviews)}"
        f"{_tabs(key, has_menu=has_menu and view == '', has_reviews=has_reviews)}"
        f'<div id="panel"></div></div></div></div><img class="map" alt="" src="/static/map.svg">'
        f'<template id="overview">{_overview(key, view, has_reviews)}</template>'
        f'<template id="reviews">{_reviews_panel(key, has_sort=has_sort)}</template>'
        f'<template id="orders">{_orders()}</template>'
        '<template id="menu"><p class="about">Coffee 3.90 · Apple tart 4.80 · Silence 0.00</p>'
        '</template><template id="about"><p class="about">Open since 1907. Dogs and novels '
        "welcome. No phone calls about phone calls.</p></template>"
        f'<script type="application/json" id="boot">{script}</script>'
    )
    head = '<script src="/static/demo.js" defer></script>'
    start = _HEAD.format(title=f"{name} - Google Maps", head=head)
    return f"{start}<body class='maps'>{body}</body></html>"


def page(title: str, body: str, *, kind: str = "plain") -> str:
    """Any other page."""
    return f"{_HEAD.format(title=escape(title), head='')}<body class='{kind}'>{body}</body></html>"


def consent_page(target: str) -> str:
    """The question before the place; declining or agreeing leads on."""
    forms = "".join(
        '<form method="post" action="/consent/save?from=https://consent.google.com/save">'
        f'<input type="hidden" name="continue" value="{escape(target)}">'
        f'<input type="hidden" name="set_eom" value="{eom}">'
        f'<button jsname="{jsname}" aria-label="{label}">{label}</button></form>'
        for label, eom, jsname in (
            ("Accept all", "false", "b3VHJd"),
            ("Reject all", "true", "tWT92d"),
        )
    )
    body = (
        f"<main><h2>Before you continue</h2><p>We use cookies, crumbs and coffee.</p>{forms}</main>"
    )
    return page("Before you continue to Google Maps", body)


def captcha_page() -> str:
    """What a visitor gets whom the site takes for a machine."""
    return page(
        "Sorry...",
        '<main><form id="captcha-form" action="/sorry/index" method="post">'
        '<div id="recaptcha" class="g-recaptcha"></div></form><p>Our systems have detected unusual '
        "traffic from your computer network. Please prove that you like cake.</p></main>",
    )


def results_page(name: str) -> str:
    """A list of places, none of them open."""
    cards = "".join(
        f'<div role="article" class="Nv2PK"><a class="hfpxzc" aria-label="{escape(name)} {number}" '
        f'href="/maps/place/{quote_plus(name)}+{number}">{escape(name)} {number}</a></div>'
        for number in range(1, 6)
    )
    return page(
        f"{name} - Google Maps",
        f'<div role="main" class="m6QErb"><h2>Results</h2><div role="feed" '
        f'aria-label="Results for {escape(name)}">{cards}</div></div>',
    )


def _rating(key: PlaceKey) -> float:
    stars = star_list(key)
    return round(sum(stars) / len(stars), 1) if stars else 0.0


def _header(key: PlaceKey, view: str, has_reviews: bool) -> str:
    rating = ""
    if has_reviews or view == "limited":
        label = f"{key.reviews:,} reviews"
        count = f'<span><span role="img" aria-label="{label}">({key.reviews:,})</span></span>'
        rating = (
            f'<div class="F7nice "><span><span aria-hidden="true">{_rating(key)}</span>'
            f'<span class="ceNzKf" role="img" aria-label="{_rating(key)} stars "></span></span>'
            f"<span>{count if has_reviews else ''}</span></div>"
        )
    notice = ""
    if view == "limited":
        notice = (
            '<div class="notice"><span class="S3H0Nb">You\'re seeing a limited view of Google '
            'Maps.</span> <button aria-label="Learn more about limited view">Learn more</button>'
            "</div>"
        )
    hue = sum(map(ord, key.name)) % 360
    return (
        f'<div class="hero" style="--hue:{hue}"></div><div class="TIHn2"><h1 class="DUwDvf lfPIob">'
        f'<span class="a5H0ec"></span>{escape(key.name)}<span class="G0bp3e"></span></h1>{rating}'
        f'<div class="kind">Coffee shop · demo place</div></div>{notice}'
    )


def _tabs(key: PlaceKey, *, has_menu: bool, has_reviews: bool) -> str:
    name = escape(key.name)
    tabs = [("Overview", f"Overview of {name}")]
    tabs += [("Menu", "Menu")] if has_menu else []
    tabs += [("Reviews", f"Reviews for {name}")] if has_reviews else []
    tabs += [("About", f"About {name}")]
    buttons = "".join(
        f'<button role="tab" class="hh2c6 {"G7m0Af" if index == 0 else ""}" aria-label="{label}" '
        f'aria-selected="{str(index == 0).lower()}" data-tab-index="{index}" '
        f'jsaction="pane.wfvdle24tabs.tabClick"><div class="Gpq6kf NlVald" aria-hidden="true">'
        f"{word}</div></button>"
        for index, (word, label) in enumerate(tabs)
    )
    return f'<div class="RWPxGd" role="tablist">{buttons}</div>'


def _histogram(key: PlaceKey) -> str:
    counts = Counter(star_list(key))
    most = max(counts.values(), default=1)
    rows = "".join(
        f'<tr class="BHOKXe" role="img" aria-label="{stars} stars, {counts[stars]:,} reviews">'
        f'<td class="yxmtmf">{stars}</td><td class="ZVa0Ic"><div class="oxIpGd" '
        f'style="width:{100 * counts[stars] // most}%"></div></td></tr>'
        for stars in STARS
    )
    return (
        f'<div class="chart"><table><tbody>{rows}</tbody></table><div class="jANrlb ">'
        f'<div class="fontDisplayLarge">{_rating(key)}</div>'
        f'<button class="GQjSyb" jsaction="pane.wfvdle28.reviewChart.moreReviews"><span>'
        f"{key.reviews:,} review{'' if key.reviews == 1 else 's'}</span></button></div></div>"
    )


def _overview(key: PlaceKey, view: str, has_reviews: bool) -> str:
    address = '<p class="about">Herrengasse 14, 1010 Vienna · Open until the last guest sighs</p>'
    if not has_reviews:
        return address
    more = ""
    if key.reviews > 3:
        more = (
            '<button class="M77dve" jsaction="pane.wfvdle30.reviewChart.moreReviews" '
            f'aria-label="More reviews ({key.reviews - 3:,})">More reviews ({key.reviews - 3:,})'
            "</button>"
        )
    return f'{address}{_histogram(key)}<div class="cards"></div>{more}'


def _reviews_panel(key: PlaceKey, *, has_sort: bool) -> str:
    sort = (
        '<button class="HQzyZ S9kvJb" aria-label="Sort reviews" data-value="Sort" '
        'aria-haspopup="true" aria-expanded="false" jsaction="pane.wfvdle31.sortMenu">Sort</button>'
    )
    return (
        '<div class="m6QErb DxyBCb kA9KIf dS8AEf XiKgde " tabindex="-1">'
        f'{_histogram(key)}{sort if has_sort else ""}<div class="m6QErb XiKgde cards"></div>'
        '<div class="lXJj5c Hk4XGb"><div class="qjESne veYFef"></div></div></div>'
    )


def _orders() -> str:
    items = "".join(
        f'<div class="fxNQSd" role="menuitemradio" tabindex="-1" data-sort="{sort}" '
        f'aria-checked="false">{label}</div>'
        for sort, label in zip(SORTS, _SORT_LABELS, strict=True)
    )
    return f'<div id="action-menu" role="menu">{items}</div>'
