"""The words of the demo site's pages in several languages, one file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"
LANGUAGE_CODES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
RIGHT_TO_LEFT = frozenset({"ar"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a page says in one language. ``{}`` stands for a number, a name or a date.

    A list holds the forms for numbers: one and many; Polish and Russian: one, few, many (and
    Russian 21, 31, ...); Arabic: one, two, few, many.
    """

    language: str
    overview: str
    menu: str
    reviews: str
    about: str
    reviews_for: str
    stars: Sequence[str]
    review_count: Sequence[str]
    photo_count: Sequence[str]
    histogram: str
    more_reviews: str
    thousands: str
    decimal: str
    local_guide: str
    more: str
    see_more: str
    see_original: str
    see_translation: str
    reply: str
    edited: str
    on_google: str
    photo_of: str
    photo_on: str
    more_photos_on: str
    like: str
    share: str
    sort: str
    sort_reviews: str
    orders: Sequence[str]
    """In the order of ``embedded.demo.generator.SORTS``."""
    consent_title: str
    accept_all: str
    reject_all: str
    limited: str
    limited_more: str
    not_found: str
    results: str
    sponsored: str
    ago: Mapping[str, Sequence[str]]

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def number(self, number: int) -> str:
        """With the language's separator of thousands."""
        return f"{number:,}".replace(",", self.thousands)

    def decimal_number(self, number: float) -> str:
        """One digit after the language's decimal sign."""
        return f"{number:.1f}".replace(".", self.decimal)

    def counted(self, forms: Sequence[str], number: int) -> str:
        """``number`` in the form that it needs: "1 star", "3 stars"."""
        form = forms[min(_form(self.language, number), len(forms) - 1)]
        return form.format(self.number(number))

    def date(self, amount: int, unit: str, *, is_edited: bool = False) -> str:
        """How long ago: "3 months ago", "Edited a year ago"."""
        age = self.counted(self.ago[unit], amount)
        return self.edited.format(age) if is_edited else age


@lru_cache(maxsize=32)
def labels_in(language: str) -> Labels:
    """The words in ``language`` (also "pt-BR"); in English for one that the site does not know."""
    code = language.replace("_", "-").split("-")[0].casefold()
    code = code if code in LANGUAGE_CODES else "en"
    words = tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    return Labels(language=code, **words)


def _form(language: str, number: int) -> int:
    last, last_two = number % 10, number % 100
    is_few = last in {2, 3, 4} and last_two not in {12, 13, 14}
    match language:
        case _ if number == 1:
            return 0
        case "pl":
            return 1 if is_few else 2
        case "ru":
            return 3 if last == 1 and last_two != 11 else 1 if is_few else 2
        case "ar":
            return 1 if number == 2 else 2 if 3 <= last_two <= 10 else 3
    return 1
