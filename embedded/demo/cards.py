"""The markup of one review card, with the structure and the names of Google Maps."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from embedded.demo.generator import DemoReview
from embedded.demo.texts import LANGUAGE_NAMES

LONGEST_SHOWN = 190
LONGEST_SHOWN_JA = 70
_STAR = '<span class="hCCjke google-symbols NhBTye{full}" aria-hidden="true"></span>'
_PANE = "pane.wfvdle{number}.review."


def render(review: DemoReview, base_url: str, layout: str) -> dict[str, Any]:
    """The card's HTML, and the texts that its buttons bring (``layout``: cafe or hotel)."""
    truth = review.truth
    pane = _PANE.format(number=100 + truth["position"])
    review_id = escape(truth["review_id"])
    name = escape(truth["author_name"])
    html = (
        f'<div class="jftiEf fontBodyMedium " data-review-id="{review_id}" aria-label="{name}">'
        f'<div data-review-id="{review_id}" jsaction="mouseover:{pane}in; mouseout:{pane}out">'
        f'<div class="jJc9Ad ">{_author(truth, base_url, pane)}'
        f'<div class="GHT2ce">{_date_line(truth, layout)}'
        f"{_text(review, pane)}{_photos(truth, base_url, pane)}{_likes(truth, pane)}"
        f"{_reply(truth, pane)}</div></div></div></div>"
    )
    return {"id": truth["review_id"], "html": html, "texts": _texts(review)}


def shortened(text: str, language: str) -> str | None:
    """``text`` as the page shows it before "More"; None when it fits."""
    longest = LONGEST_SHOWN_JA if language == "ja" else LONGEST_SHOWN
    if len(text) <= longest:
        return None
    cut = text[:longest]
    return (cut if language == "ja" else cut.rsplit(" ", 1)[0]) + " …"


def _texts(review: DemoReview) -> dict[str, Any]:
    """Both texts and the reply, whole and short, for the page's script."""
    truth = review.truth
    versions: dict[str, Any] = {}
    if truth["text"] is not None:
        versions["original"] = _version(truth["text"], truth["language"])
    if review.translation is not None:
        versions["translation"] = _version(review.translation, "en")
        versions["name"] = LANGUAGE_NAMES[truth["language"]]
    if truth["owner_response_text"] is not None:
        versions["reply"] = _version(truth["owner_response_text"], truth["owner_response_language"])
    return versions


def _version(text: str, language: str) -> dict[str, str | None]:
    return {"text": text, "short": shortened(text, language), "lang": language}


def _author(truth: Mapping[str, Any], base_url: str, pane: str) -> str:
    name, link = escape(truth["author_name"]), escape(truth["author_url"])
    parts = ["Local Guide"] if truth["author_is_local_guide"] else []
    for count, noun in (("author_reviews_count", "review"), ("author_photos_count", "photo")):
        number = truth[count]
        if number is not None:
            parts.append(f"{number:,} {noun}{'' if number == 1 else 's'}")
    review_id = escape(truth["review_id"])
    common = f'data-review-id="{review_id}" data-href="{link}" jsaction="{pane}reviewerLink"'
    return (
        f'<div class=""><button class="WEBjve" {common} aria-label="Photo of {name}">'
        f'<img class="NBa7we" alt="" src="{base_url}{truth["author_photo_url"]}"></button></div>'
        f'<div class="GHT2ce NsCY4 "><button class="al6Kxe" {common}>'
        f'<div class="d4r55 fontTitleMedium">{name}</div>'
        f'<div class="RfnDt ">{" · ".join(parts)}</div></button></div>'
    )


def _date_line(truth: Mapping[str, Any], layout: str) -> str:
    stars, date = int(truth["rating"]), truth["relative_date"]
    if layout == "hotel":
        return (
            f'<div class="DU9Pgb"><span class="fzvQIb">{stars}/5</span>'
            f'<span class="xRkPPb">{date} on <span>Google</span></span></div>'
        )
    icons = "".join(_STAR.format(full=" elGi1d" if n < stars else " gnOR4e") for n in range(5))
    word = "star" if stars == 1 else "stars"
    # Real pages have blanks that do not break; a reader must not trip over them.
    return (
        f'<div class="DU9Pgb"><span class="kvMYJc" role="img" aria-label="{stars}&nbsp;{word} ">'
        f'{icons}</span><span class="rsqaWe"> {date.replace(" ", "&nbsp;", 1)}</span></div>'
    )


def _text(review: DemoReview, pane: str) -> str:
    truth = review.truth
    details = "".join(f'<div class="PBK6be">{_detail(line)}</div>' for line in review.details)
    details += "".join(
        f'<div class="PBK6be"><div><span class="RfDO5c"><b>{aspect}:</b> {stars:.0f}</span></div>'
        "</div>"
        for aspect, stars in truth["sub_ratings"].items()
    )
    if truth["text"] is None:
        return f"<div>{details}</div>"
    shows_translation = review.is_shown_translated and review.translation is not None
    text = (review.translation or "") if shows_translation else truth["text"]
    language = "en" if shows_translation else truth["language"]
    block_id = f"ucc-{truth['position']}"
    switch = ""
    if review.translation is not None:
        action = "showReviewInOriginal" if shows_translation else "showReviewInTranslation"
        label = (
            f"See original ({LANGUAGE_NAMES[truth['language']]})"
            if shows_translation
            else "See translation (English)"
        )
        switch = (
            f'<div class="oqftme"><button class="kyuRq fontTitleSmall WOKzJe" role="switch" '
            f'aria-checked="{str(shows_translation).lower()}" aria-controls="{block_id}" '
            f'jsaction="{pane}{action}"><span>{label}</span></button></div>'
        )
    shown = shortened(text, language)
    return (
        f'<div><div class="MyEned" tabindex="-1" id="{block_id}" lang="{language}">'
        f'<span class="wiI7pd">{escape(shown or text)}</span>'
        f"{_more(pane, 'expandReview', block_id) if shown else ''}</div>{details}</div>{switch}"
    )


def _more(pane: str, action: str, controls: str) -> str:
    return (
        f'<span> <button class="w8nwRe kyuRq" aria-expanded="false" aria-controls="{controls}" '
        f'aria-label="See more" jsaction="{pane}{action}">More</button></span>'
    )


def _detail(line: str) -> str:
    title, _, value = line.partition(" ")
    return (
        f'<div><span class="RfDO5c"><b>{title}</b></span></div>'
        f'<div><span class="RfDO5c">{value}</span></div>'
    )


def _photos(truth: Mapping[str, Any], base_url: str, pane: str) -> str:
    urls, name = truth["photo_urls"], escape(truth["author_name"])
    if not urls:
        return ""
    hidden = truth["photos_count"] - len(urls)
    tiles = []
    for index, url in enumerate(urls):
        is_last = hidden > 0 and index == len(urls) - 1
        label = f"+ {hidden + 1} more photos on {name}'s review"
        label = label if is_last else f"Photo {index + 1} on {name}'s review"
        action = "showMorePhotos" if is_last else "openPhoto"
        over = f'<div class="fontDisplayMedium Tap5If">+{hidden + 1}</div>' if is_last else ""
        tiles.append(
            f'<button class="Tya61d" data-photo-index="{index}" jsaction="{pane}{action}" '
            f'aria-label="{label}" style="background-image: url(&quot;{base_url}{url}&quot;);">'
            f"{over}</button>"
        )
    return f'<div class="KtCyie">{"".join(tiles)}</div>'


def _likes(truth: Mapping[str, Any], pane: str) -> str:
    likes = truth["likes"]
    count = f'<span class="pkWtMe">{likes:,}</span>' if likes else "<span>Like</span>"
    return (
        f'<div class="Upo0Ec"><button class="gllhef" aria-pressed="false" aria-label="Like" '
        f'jsaction="{pane}toggleThumbsUp; keydown:{pane}toggleThumbsUp">'
        f'<span class="NlVald znYl0">{count}</span></button>'
        f'<button class="gllhef" aria-label="Share" jsaction="{pane}share">'
        f'<span class="NlVald znYl0">Share</span></button></div>'
    )


def _reply(truth: Mapping[str, Any], pane: str) -> str:
    text = truth["owner_response_text"]
    if text is None:
        return ""
    language = truth["owner_response_language"]
    block_id = f"ucr-{truth['position']}"
    shown = shortened(text, language)
    return (
        '<div class="CDe7pd"><div class=""><span class="nM6d2c">Response from the owner</span> '
        f'<span class="DZSIDd">{truth["owner_response_relative_date"]}</span></div>'
        f'<div class="wiI7pd" id="{block_id}" lang="{language}">{escape(shown or text)}</div>'
        f"{_more(pane, 'expandOwnerResponse', block_id) if shown else ''}</div>"
    )
