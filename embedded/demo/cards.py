"""The markup of one review card, with the structure and the names of Google Maps."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from embedded.demo.generator import DemoReview, relative_date, reply_date
from embedded.demo.labels import Labels
from embedded.demo.look import Look
from embedded.demo.texts import LANGUAGE_NAMES, shortened

_STAR = '<span class="hCCjke google-symbols NhBTye{full}" aria-hidden="true"></span>'
_PANE = "pane.wfvdle{number}.review."


def render(review: DemoReview, base_url: str, look: Look | None = None) -> dict[str, Any]:
    """The card's id, its HTML, and the texts that its buttons bring."""
    look = look or Look()
    truth = review.truth
    if not look.is_readable:
        return {"id": truth["review_id"], "html": _bare(review, look), "texts": {}}
    pane = _PANE.format(number=100 + truth["position"])
    review_id = escape(truth["review_id"])
    name = escape(truth["author_name"])
    html = (
        f'<div class="jftiEf fontBodyMedium " data-review-id="{review_id}" aria-label="{name}">'
        f'<div data-review-id="{review_id}" jsaction="mouseover:{pane}in; mouseout:{pane}out">'
        f'<div class="jJc9Ad ">{_author(truth, base_url, pane, look.labels)}'
        f'<div class="GHT2ce">{_date_line(review, look)}'
        f"{_text(review, pane, look)}{_photos(truth, base_url, pane, look.labels)}"
        f"{_likes(truth, pane, look.labels)}{_reply(review, pane, look)}</div></div></div></div>"
    )
    return {"id": truth["review_id"], "html": look.renamed(html), "texts": _texts(review, look)}


def _bare(review: DemoReview, look: Look) -> str:
    """Texts for the eye, with nothing that tells what they are."""
    truth = review.truth
    lines = (truth["author_name"], relative_date(review, look), truth["text"] or "")
    return f"<div>{''.join(f'<div>{escape(line)}</div>' for line in lines)}</div>"


def _texts(review: DemoReview, look: Look) -> dict[str, Any]:
    """Both texts and the reply, whole and short, for the page's script."""
    truth = review.truth
    versions: dict[str, Any] = {}
    if truth["text"] is not None:
        versions["original"] = _version(truth["text"], truth["language"], look)
    if review.translation is not None:
        versions["translation"] = _version(review.translation, "en", look)
        versions["name"] = LANGUAGE_NAMES[truth["language"]]
    if truth["owner_response_text"] is not None:
        language = truth["owner_response_language"]
        versions["reply"] = _version(truth["owner_response_text"], language, look)
    return versions


def _version(text: str, language: str, look: Look) -> dict[str, str | None]:
    short = shortened(text, language)
    if look.is_truncated:
        text, short = short or text, None
    return {"text": text, "short": short, "lang": language}


def _author(truth: Mapping[str, Any], base_url: str, pane: str, labels: Labels) -> str:
    name, link = escape(truth["author_name"]), escape(truth["author_url"])
    parts = [labels.local_guide] if truth["author_is_local_guide"] else []
    for number, forms in (
        (truth["author_reviews_count"], labels.review_count),
        (truth["author_photos_count"], labels.photo_count),
    ):
        if number is not None:
            parts.append(labels.counted(forms, number))
    review_id = escape(truth["review_id"])
    common = f'data-review-id="{review_id}" data-href="{link}" jsaction="{pane}reviewerLink"'
    return (
        f'<div class=""><button class="WEBjve" {common} '
        f'aria-label="{labels.photo_of.format(name)}">'
        f'<img class="NBa7we" alt="" src="{base_url}{truth["author_photo_url"]}"></button></div>'
        f'<div class="GHT2ce NsCY4 "><button class="al6Kxe" {common}>'
        f'<div class="d4r55 fontTitleMedium">{name}</div>'
        f'<div class="RfnDt ">{" · ".join(parts)}</div></button></div>'
    )


def _date_line(review: DemoReview, look: Look) -> str:
    stars, labels = int(review.truth["rating"]), look.labels
    if look.layout == "hotel":
        age = labels.date(*review.truth["age"], is_edited=review.truth["is_edited"])
        return (
            f'<div class="DU9Pgb"><span class="fzvQIb">{stars}/5</span>'
            f'<span class="xRkPPb">{labels.on_google.format(age)}</span></div>'
        )
    icons = "".join(_STAR.format(full=" elGi1d" if n < stars else " gnOR4e") for n in range(5))
    shown = labels.counted(labels.stars, stars)
    if not look.has_rating_numbers:
        shown = shown.replace(str(stars), "").strip()
    # Real pages have blanks that do not break; a reader must not trip over them.
    shown, date = (text.replace(" ", "&nbsp;", 1) for text in (shown, relative_date(review, look)))
    return (
        f'<div class="DU9Pgb"><span class="kvMYJc" role="img" aria-label="{shown} ">'
        f'{icons}</span><span class="rsqaWe"> {date}</span></div>'
    )


def _text(review: DemoReview, pane: str, look: Look) -> str:
    truth, labels = review.truth, look.labels
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
            labels.see_original.format(LANGUAGE_NAMES[truth["language"]])
            if shows_translation
            else labels.see_translation
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
        f"{_more(f'{pane}expandReview', block_id, look) if shown else ''}</div>{details}</div>"
        f"{switch}"
    )


def _more(action: str, controls: str, look: Look) -> str:
    if look.is_truncated:
        return ""
    return (
        f'<span> <button class="w8nwRe kyuRq" aria-expanded="false" aria-controls="{controls}" '
        f'aria-label="{look.labels.see_more}" jsaction="{action}">{look.labels.more}</button>'
        "</span>"
    )


def _detail(line: str) -> str:
    title, _, value = line.partition(" ")
    return (
        f'<div><span class="RfDO5c"><b>{title}</b></span></div>'
        f'<div><span class="RfDO5c">{value}</span></div>'
    )


def _photos(truth: Mapping[str, Any], base_url: str, pane: str, labels: Labels) -> str:
    urls, name = truth["photo_urls"], escape(truth["author_name"])
    if not urls:
        return ""
    hidden = truth["photos_count"] - len(urls)
    tiles = []
    for index, url in enumerate(urls):
        is_last = hidden > 0 and index == len(urls) - 1
        label = labels.more_photos_on if is_last else labels.photo_on
        label = label.format(number=hidden + 1 if is_last else index + 1, name=name)
        action = "showMorePhotos" if is_last else "openPhoto"
        over = f'<div class="fontDisplayMedium Tap5If">+{hidden + 1}</div>' if is_last else ""
        tiles.append(
            f'<button class="Tya61d" data-photo-index="{index}" jsaction="{pane}{action}" '
            f'aria-label="{label}" style="background-image: url(&quot;{base_url}{url}&quot;);">'
            f"{over}</button>"
        )
    return f'<div class="KtCyie">{"".join(tiles)}</div>'


def _likes(truth: Mapping[str, Any], pane: str, labels: Labels) -> str:
    likes = truth["likes"]
    count = f'<span class="pkWtMe">{labels.number(likes)}</span>'
    count = count if likes else f"<span>{labels.like}</span>"
    return (
        f'<div class="Upo0Ec"><button class="gllhef" aria-pressed="false" '
        f'aria-label="{labels.like}" jsaction="{pane}toggleThumbsUp; '
        f'keydown:{pane}toggleThumbsUp"><span class="NlVald znYl0">{count}</span></button>'
        f'<button class="gllhef" aria-label="{labels.share}" jsaction="{pane}share">'
        f'<span class="NlVald znYl0">{labels.share}</span></button></div>'
    )


def _reply(review: DemoReview, pane: str, look: Look) -> str:
    truth = review.truth
    text = truth["owner_response_text"]
    if text is None:
        return ""
    language = truth["owner_response_language"]
    block_id = f"ucr-{truth['position']}"
    shown = shortened(text, language)
    return (
        f'<div class="CDe7pd"><div class=""><span class="nM6d2c">{look.labels.reply}</span> '
        f'<span class="DZSIDd">{reply_date(review, look)}</span></div>'
        f'<div class="wiI7pd" id="{block_id}" lang="{language}">{escape(shown or text)}</div>'
        f"{_more(f'{pane}expandOwnerResponse', block_id, look) if shown else ''}</div>"
    )
