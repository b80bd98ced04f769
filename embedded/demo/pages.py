"""The demo site's pages: a place as Google Maps shows it, and the pages that are none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote_plus

from embedded.demo.generator import SORTS, STARS, PlaceKey, star_list
from embedded.demo.labels import Labels, labels_in
from embedded.demo.look import Look

_HEAD = (
    '<!DOCTYPE html><html lang="{language}" dir="{direction}" itemscope '
    'itemtype="http://schema.org/Place"><head>'
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>{title}</title><link rel="icon" href="data:,">'
    '<link rel="stylesheet" href="/static/demo.css">{head}</head>'
)
_SCRIPT = '<script type="module" src="/static/demo.js"></script>'


def place_page(
    key: PlaceKey,
    *,
    has_menu: bool,
    view: str,
    first_cards: list[dict[str, Any]],
    list_url: str,
    has_sort: bool = True,
    look: Look | None = None,
    announced: int | None = None,
    script_options: Mapping[str, Any] | None = None,
) -> str:
    """A place (``view``: empty, ``no_reviews`` or ``limited``).

    ``announced`` is how many reviews the page says there are, when not as many as there are.
    """
    look = look or Look()
    labels = look.labels
    options = dict(script_options or {})
    announced = key.reviews if announced is None else announced
    name = escape(key.name)
    has_reviews = view == "" and key.reviews > 0
    tabs = _tab_names(has_menu=has_menu and view == "", has_reviews=has_reviews)
    boot = {
        "first": first_cards if has_reviews else [],
        "list": list_url,
        "tabs": tabs,
        "classes": look.class_names,
        "labels": {
            "more": labels.more,
            "see_more": labels.see_more,
            "see_original": labels.see_original,
            "see_translation": labels.see_translation,
        },
        **options,
    }
    script = json.dumps(boot, ensure_ascii=False).replace("</", "<\\/")
    header = _header(key, view, labels, announced if has_reviews else None)
    place = (
        '<div class="XltNde"><div class="e07Vkf kA9KIf dS8AEf" tabindex="-1">'
        f'<div class="m6QErb WNBkOb XiKgde " role="main" aria-label="{name}">'
        f"{header}{_tabs(tabs, name, labels)}"
        '<div id="panel"></div></div></div></div><img class="map" alt="" src="/static/map.svg">'
    )
    # The script puts the place there, after a while: until then the page is empty.
    place = f'<template id="late">{place}</template>' if options.get("slow_open_ms") else place
    body = (
        f'{place}<template id="overview">'
        f"{_overview(key, announced, labels) if has_reviews else _ADDRESS}</template>"
        f'<template id="reviews">{_reviews_panel(key, announced, labels, has_sort=has_sort)}'
        f'</template><template id="orders">{_orders(labels)}</template>'
        '<template id="menu"><p class="about">Coffee 3.90 · Apple tart 4.80 · Silence 0.00</p>'
        '</template><template id="about"><p class="about">Open since 1907. Dogs and novels '
        "welcome. No phone calls about phone calls.</p></template>"
        f'<script type="application/json" id="boot">{script}</script>'
    )
    flow = " flow" if options.get("scroll") == "document" else ""
    start = _start(f"{name} - Google Maps", labels, _SCRIPT)
    return f"{start}<body class='maps{flow}'>{body}</body></html>"


def page(title: str, body: str, *, kind: str = "plain", labels: Labels | None = None) -> str:
    """Any other page."""
    start = _start(escape(title), labels or labels_in("en"))
    return f"{start}<body class='{kind}'>{body}</body></html>"


def _start(title: str, labels: Labels, head: str = "") -> str:
    return _HEAD.format(
        title=title, head=head, language=labels.language, direction=labels.direction
    )


def consent_page(target: str, labels: Labels | None = None) -> str:
    """The question before the place; declining or agreeing leads on."""
    labels = labels or labels_in("en")
    forms = "".join(
        '<form method="post" action="/consent/save?from=https://consent.google.com/save">'
        f'<input type="hidden" name="continue" value="{escape(target)}">'
        f'<input type="hidden" name="set_eom" value="{eom}">'
        f'<button jsname="{jsname}" aria-label="{label}">{label}</button></form>'
        for label, eom, jsname in (
            (labels.accept_all, "false", "b3VHJd"),
            (labels.reject_all, "true", "tWT92d"),
        )
    )
    body = (
        f"<main><h2>{labels.consent_title}</h2><p>We use cookies, crumbs and coffee.</p>"
        f"{forms}</main>"
    )
    return page(f"{labels.consent_title} - Google Maps", body, labels=labels)


def captcha_page() -> str:
    """What a visitor gets whom the site takes for a machine."""
    return page(
        "Sorry...",
        '<main><form id="captcha-form" action="/sorry/index" method="post">'
        '<div id="recaptcha" class="g-recaptcha"></div></form><p>Our systems have detected unusual '
        "traffic from your computer network. Please prove that you like cake.</p></main>",
    )


def not_found_page(labels: Labels | None = None) -> str:
    """What stands where a place is not."""
    labels = labels or labels_in("en")
    body = (
        f"<main role='main'><h2>{labels.not_found}</h2><p>Make sure "
        "that your search is spelled correctly, or add a city and a biscuit.</p></main>"
    )
    return page("Google Maps", body, labels=labels)


def results_page(
    name: str,
    places: Sequence[str] = (),
    *,
    has_sponsored: bool = False,
    query: str = "",
    language: str = "en",
) -> str:
    """A list of ``places`` (five, when none are given), none of them open.

    ``query`` goes to each of them.
    """
    labels = labels_in(language)
    places = places or [f"{name} {number}" for number in range(1, 6)]
    cards = "".join(
        f'<div role="article" class="Nv2PK" aria-label="{escape(link)}"><a class="hfpxzc" '
        f'aria-label="{escape(link)}" href="/maps/place/{quote_plus(link)}'
        f'{escape("?" + query if query else "")}">{escape(link)}</a></div>'
        for link in places
    )
    if has_sponsored:
        other = f"{labels.sponsored} · Cake &amp; Co"
        cards = (
            f'<div role="article" class="Nv2PK"><h1 class="kpih0e">{labels.sponsored}</h1>'
            '<a class="hfpxzc" aria-label="Cake &amp; Co" '
            f'href="/maps/place/Cake+%26+Co?reviews=9">{other}</a></div>{cards}'
        )
    heading = labels.results.format(escape(name))
    return page(
        f"{name} - Google Maps",
        f'<div role="main" class="m6QErb"><h2>{heading}</h2><div role="feed" '
        f'aria-label="{heading}">{cards}</div></div>',
        labels=labels,
    )


def _rating(key: PlaceKey) -> float:
    stars = star_list(key)
    return round(sum(stars) / len(stars), 1) if stars else 0.0


def _header(key: PlaceKey, view: str, labels: Labels, announced: int | None) -> str:
    rating = ""
    if announced is not None or view == "limited":
        shown = labels.decimal_number(_rating(key))
        count = ""
        if announced is not None:
            label = labels.counted(labels.review_count, announced)
            bracketed = f"({labels.number(announced)})"
            count = f'<span><span role="img" aria-label="{label}">{bracketed}</span></span>'
        stars = labels.stars[-1].format(shown)
        rating = (
            f'<div class="F7nice "><span><span aria-hidden="true">{shown}</span>'
            f'<span class="ceNzKf" role="img" aria-label="{stars} "></span></span>'
            f"<span>{count}</span></div>"
        )
    notice = ""
    if view == "limited":
        notice = (
            f'<div class="notice"><span class="S3H0Nb">{labels.limited}</span> '
            f'<button aria-label="{labels.limited_more}">{labels.limited_more}</button></div>'
        )
    hue = sum(map(ord, key.name)) % 360
    return (
        f'<div class="hero" style="--hue:{hue}"></div><div class="TIHn2"><h1 class="DUwDvf lfPIob">'
        f'<span class="a5H0ec"></span>{escape(key.name)}<span class="G0bp3e"></span></h1>{rating}'
        f'<div class="kind">Coffee shop · demo place</div></div>{notice}'
    )


def _tab_names(*, has_menu: bool, has_reviews: bool) -> list[str]:
    names = ["overview"]
    names += ["menu"] if has_menu else []
    names += ["reviews"] if has_reviews else []
    return [*names, "about"]


def _tabs(names: list[str], place: str, labels: Labels) -> str:
    words = {"overview": labels.overview, "menu": labels.menu, "about": labels.about}
    shown = {tab: (word, f"{word} {place}") for tab, word in words.items()}
    shown["menu"] = (labels.menu, labels.menu)
    shown["reviews"] = (labels.reviews, labels.reviews_for.format(place))
    buttons = "".join(
        f'<button role="tab" class="hh2c6 {"G7m0Af" if index == 0 else ""}" '
        f'aria-label="{shown[tab][1]}" '
        f'aria-selected="{str(index == 0).lower()}" data-tab-index="{index}" '
        f'jsaction="pane.wfvdle24tabs.tabClick"><div class="Gpq6kf NlVald" aria-hidden="true">'
        f"{shown[tab][0]}</div></button>"
        for index, tab in enumerate(names)
    )
    return f'<div class="RWPxGd" role="tablist">{buttons}</div>'


def announced_stars(key: PlaceKey, announced: int) -> Counter[int]:
    """Reviews by stars as the page counts them: those that its list lacks have five."""
    counts = Counter(star_list(key))
    counts[5] += announced - key.reviews
    return counts


def _histogram(key: PlaceKey, announced: int, labels: Labels) -> str:
    counts = announced_stars(key, announced)
    most = max(counts.values(), default=1) or 1
    rows = ""
    for stars in STARS:
        label = labels.histogram.format(
            stars=labels.counted(labels.stars, stars),
            reviews=labels.counted(labels.review_count, counts[stars]),
        )
        rows += (
            f'<tr class="BHOKXe" role="img" aria-label="{label}">'
            f'<td class="yxmtmf">{stars}</td><td class="ZVa0Ic"><div class="oxIpGd" '
            f'style="width:{100 * counts[stars] // most}%"></div></td></tr>'
        )
    return (
        f'<div class="chart"><table><tbody>{rows}</tbody></table><div class="jANrlb ">'
        f'<div class="fontDisplayLarge">{labels.decimal_number(_rating(key))}</div>'
        f'<button class="GQjSyb" jsaction="pane.wfvdle28.reviewChart.moreReviews"><span>'
        f"{labels.counted(labels.review_count, announced)}</span></button></div></div>"
    )


_ADDRESS = '<p class="about">Herrengasse 14, 1010 Vienna · Open until the last guest sighs</p>'


def _overview(key: PlaceKey, announced: int, labels: Labels) -> str:
    more = ""
    if announced > 3:
        label = labels.more_reviews.format(labels.number(announced - 3))
        more = (
            '<button class="M77dve" jsaction="pane.wfvdle30.reviewChart.moreReviews" '
            f'aria-label="{label}">{label}</button>'
        )
    return f'{_ADDRESS}{_histogram(key, announced, labels)}<div class="cards"></div>{more}'


def _reviews_panel(key: PlaceKey, announced: int, labels: Labels, *, has_sort: bool) -> str:
    sort = (
        f'<button class="HQzyZ S9kvJb" aria-label="{labels.sort_reviews}" data-value="'
        f'{labels.sort}" aria-haspopup="true" aria-expanded="false" '
        f'jsaction="pane.wfvdle31.sortMenu">{labels.sort}</button>'
    )
    return (
        '<div class="m6QErb DxyBCb kA9KIf dS8AEf XiKgde " tabindex="-1">'
        f"{_histogram(key, announced, labels)}{sort if has_sort else ''}"
        '<div class="m6QErb XiKgde cards"></div>'
        '<div class="lXJj5c Hk4XGb"><div class="qjESne veYFef"></div></div></div>'
    )


def _orders(labels: Labels) -> str:
    items = "".join(
        f'<div class="fxNQSd" role="menuitemradio" tabindex="-1" data-sort="{sort}" '
        f'aria-checked="false">{label}</div>'
        for sort, label in zip(SORTS, labels.orders, strict=True)
    )
    return f'<div id="action-menu" role="menu">{items}</div>'
