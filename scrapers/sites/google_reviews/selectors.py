"""Where each field of a review is looked for: tables of CSS selectors, no code.

``usual`` are the site's own names (classes that held for years); ``fallbacks`` ask for what a page
needs in order to work: attributes, roles, languages, tails of ``jsaction``, places in a line. They
serve when all class names are gone, which a test tries on every field.
"""

from __future__ import annotations

from scrapers.contract import FieldSelectors

CARD = FieldSelectors(
    field="card",
    usual=("div.jftiEf[data-review-id]",),
    fallbacks=(
        "div[data-review-id][aria-label]",
        "div[data-review-id]:not([data-review-id] *)",
        "[role=article][data-review-id]",
        "[data-review-id]:has([data-href*='/contrib/']):not([data-review-id] *)",
        "div.jftiEf:has([data-review-id])",
        "div:has(> div > button[data-review-id] > img):not([data-review-id] *)",
    ),
    is_expected=True,
)
"""A card and its first child carry the same id: the outermost wins, ids are compared anyway.

The scripts in the page use the same table, so each must be understood by browsers too.
"""
REVIEW_ID = FieldSelectors(
    field="review_id",
    usual=("div[data-review-id]",),
    fallbacks=("[data-review-id]:not(button)", "button[data-review-id]", "[data-review-id]"),
    is_expected=True,
)

AUTHOR_NAME = FieldSelectors(
    field="author_name",
    usual=(".d4r55",),
    fallbacks=(
        "div[data-review-id][aria-label]",
        "[data-href*='/contrib/'] > div:first-child",
        "[jsaction*='.reviewerLink'] > div:first-child",
        "a[href*='/contrib/'] > div:first-child",
        "a[href*='/contrib/']:not(:has(*))",
    ),
    is_expected=True,
)
AUTHOR_URL = FieldSelectors(
    field="author_url",
    usual=("button.al6Kxe[data-href]",),
    fallbacks=(
        "button.WEBjve[data-href]",
        "[data-href*='/maps/contrib/']",
        "[data-href*='/contrib/']",
        "a[href*='/contrib/']",
        "[jsaction*='.reviewerLink'][data-href]",
    ),
    is_expected=True,
)
AUTHOR_PHOTO = FieldSelectors(
    field="author_photo_url",
    usual=("img.NBa7we",),
    fallbacks=(
        ".WEBjve img",
        "[data-href*='/contrib/'] img",
        "[jsaction*='.reviewerLink'] img",
        "a[href*='/contrib/'] img",
        "img[src*='googleusercontent.com/a']",
    ),
    is_expected=True,
)
AUTHOR_LINE = FieldSelectors(
    field="author_line",
    usual=(".RfnDt",),
    fallbacks=(
        ".d4r55 + div",
        "[data-href*='/contrib/'] > div:nth-child(2)",
        "[jsaction*='.reviewerLink'] > div:nth-child(2)",
        "a[href*='/contrib/'] > div:nth-child(2)",
    ),
)
"""Local guide, number of reviews, number of photos."""

RATING = FieldSelectors(
    field="rating",
    usual=("span.kvMYJc", "span.fzvQIb"),  # a hotel has "4/5" and no picture of stars
    fallbacks=(
        "span[role=img][aria-label]",
        "[role=img][aria-label]",
        "span[aria-label]",
        "span:has(> .elGi1d)",
        "div:not([lang]) > span:first-child",
    ),
    is_expected=True,
)
FULL_STAR = ".elGi1d"
DATE = FieldSelectors(
    field="relative_date",
    usual=("span.rsqaWe", "span.xRkPPb"),  # the second one in hotels
    fallbacks=(
        "[role=img] + span",
        "div:not([lang]) > span:first-child + span",
        ".DU9Pgb span",
        "[data-irrelevant-review-text-id] > div:first-child > span",
        "span:not([role])",
    ),
    is_expected=True,
)
LIKELY_DATES = 2
"""So many fallbacks, from the first, stand where nothing but a date stands on pages as we know
them: as in the usual places, one in an unknown language is kept as shown."""

TEXT = FieldSelectors(
    field="text",
    usual=(".MyEned .wiI7pd",),
    fallbacks=(
        "[id^='ucc-'] > span:not(:has(button))",
        "[tabindex][lang] > span:not(:has(button))",
        "[lang] > span:not(:has(button))",
        ".wiI7pd",
        "[lang]:not(:has(div, span, button))",
    ),
)
LANGUAGE = FieldSelectors(
    field="language",
    usual=(".MyEned[lang]",),
    fallbacks=("[id^='ucc-'][lang]", "[tabindex][lang]", "div[lang]", "[lang]"),
)
"""Only of an element around the text, or of the text's own."""
MORE = FieldSelectors(
    field="is_text_complete",
    usual=("button[jsaction*='.expandReview']",),
    fallbacks=(
        ".MyEned button.w8nwRe[aria-expanded]",
        "button[aria-expanded][aria-controls^='ucc-']",
        "[lang] button[aria-expanded]",
        "button[aria-expanded][aria-controls]",
    ),
)
"""The buttons that open a text which is cut."""
SHOWN_TRANSLATED = FieldSelectors(
    field="text_translated",
    usual=("[jsaction*='.showReviewInOriginal']",),
    fallbacks=(
        "[role=switch][aria-checked=true][aria-controls^='ucc-']",
        "button.WOKzJe[aria-checked=true]",
        "[role=switch][aria-checked=true]",
        "button[aria-checked=true]",
    ),
)
"""The button that is there while the translation is shown."""

PHOTOS = FieldSelectors(
    field="photo_urls",
    usual=(".KtCyie button[data-photo-index]",),
    fallbacks=(
        "button.Tya61d",
        "[data-photo-index]",
        "[jsaction*='.openPhoto'], [jsaction*='.showMorePhotos']",
        "button[style*='background-image']",
        "[style*='background-image']",
    ),
)
"""The tiles."""
HIDDEN_PHOTOS = FieldSelectors(
    field="photos_count",
    usual=("button .Tap5If",),
    fallbacks=(
        "[jsaction*='.showMorePhotos'] > div",
        "[data-photo-index] > div",
        "button[style*='background-image'] > div",
        "[data-photo-index][aria-label^='+']",
        "button[aria-label^='+']",
    ),
)
"""What says "+37"."""
LIKES = FieldSelectors(
    field="likes",
    usual=("button[jsaction*='.toggleThumbsUp'] .pkWtMe",),
    fallbacks=(
        "span.pkWtMe",
        "button[jsaction*='.toggleThumbsUp'] span",
        "button[aria-pressed] span",
        "button[jsaction*='ThumbsUp']",
    ),
)

REPLY = FieldSelectors(
    field="owner_response",
    usual=(".CDe7pd",),
    fallbacks=(
        "div:has(> * > .DZSIDd, > .DZSIDd):has(> [lang])",
        "div:has(> [jsaction*='OwnerResponse'], > * > [jsaction*='OwnerResponse']):has(> [lang])",
        "div:has(> [jsaction*='.toggleThumbsUp']) ~ div:has(> [lang])",
        "div:has(> div:first-child:not([lang]) + [lang])",
        "div:has(> span + [lang])",
    ),
)
REPLY_TEXT = FieldSelectors(
    field="owner_response_text",
    usual=(".wiI7pd",),
    fallbacks=(
        "[lang][id^='uc']",
        "[lang]",
        "div:first-child + div",
        "span + div",
        "div:not(:has(div, span))",
    ),
)
REPLY_LANGUAGE = FieldSelectors(
    field="owner_response_language",
    usual=(".wiI7pd[lang]",),
    fallbacks=("[lang][id^='uc']", "[lang][id]", "div[lang]", "[lang]"),
)
REPLY_DATE = FieldSelectors(
    field="owner_response_relative_date",
    usual=(".DZSIDd",),
    fallbacks=(
        "div:first-child > span:nth-of-type(2)",
        "span:nth-of-type(2)",
        "div:first-child > span:last-of-type",
        "span:not([lang] *)",
    ),
)
SURE_REPLY_DATES = 3

SUB_RATINGS = FieldSelectors(
    field="sub_ratings",
    usual=(".PBK6be",),
    fallbacks=(
        ".RfDO5c",
        "[lang] ~ div",
        "div:has(> span > b)",
        "span:has(> b)",
        ":has(> b)",
    ),
)

FIELDS = (
    CARD,
    REVIEW_ID,
    AUTHOR_NAME,
    AUTHOR_URL,
    AUTHOR_PHOTO,
    AUTHOR_LINE,
    RATING,
    DATE,
    TEXT,
    LANGUAGE,
    MORE,
    SHOWN_TRANSLATED,
    PHOTOS,
    HIDDEN_PHOTOS,
    LIKES,
    REPLY,
    REPLY_TEXT,
    REPLY_LANGUAGE,
    REPLY_DATE,
    SUB_RATINGS,
)
"""Every table, in the order of a review's fields."""
