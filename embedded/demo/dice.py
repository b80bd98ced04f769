"""What the dice of a demo review decide: texts, replies, ratings of aspects, ages, ids."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from random import Random
from typing import Any

from embedded.demo.texts import LANGUAGES, paragraph, reply

ASPECTS = ("Food", "Service", "Atmosphere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    whole: str | None
    original: str | None
    """As the page has it."""
    language: str | None = None
    translation: str | None = None
    is_shown_translated: bool = False
    is_lost: bool = False
    """The page cut it and has no button for the rest."""


def text_of(random: Random, index: int) -> Text:
    if random.random() < 0.15:
        return Text(whole=None, original=None)
    language = random.choices(LANGUAGES, (50, 12, 12, 10, 8, 8))[0]
    original, english = paragraph(random, language, random.choice((1, 1, 2, 3, 4, 7)))
    if language == "en":
        is_lost = index % 61 == 17
        cut = original[:60].rsplit(" ", 1)[0] + " …" if is_lost else original
        return Text(original=cut, language="en", is_lost=is_lost, whole=original)
    return Text(
        whole=original,
        original=original,
        language=language,
        translation=english,
        is_shown_translated=random.random() < 0.5,
    )


def owner_reply(random: Random, name: str) -> dict[str, Any]:
    if random.random() < 0.65:
        fields = ("owner_response_text", "owner_response_language", "owner_response_age")
        return dict.fromkeys(fields)
    language = random.choice(("en", "de"))
    age = age_of(random)
    return {
        "owner_response_text": reply(random, language, name, random.choice((1, 2, 5))),
        "owner_response_language": language,
        "owner_response_age": age,
    }


def sub_ratings(random: Random, rating: int) -> dict[str, float]:
    if random.random() < 0.75:
        return {}
    aspects = random.sample(ASPECTS, random.randint(1, 3))
    return {aspect: float(min(5, max(1, rating + random.randint(-1, 1)))) for aspect in aspects}


def review_id(random: Random, index: int) -> str:
    raw = b"\x08\x02\x10" + random.randbytes(14) + index.to_bytes(4, "big")
    return "Ch" + base64.urlsafe_b64encode(raw).decode().rstrip("=") + "EAE"


def age_of(random: Random) -> tuple[int, str]:
    """Amount and unit."""
    unit, most = random.choices(
        (("minute", 59), ("hour", 23), ("day", 6), ("week", 4), ("month", 11), ("year", 9)),
        (1, 3, 8, 14, 40, 34),
    )[0]
    return random.randint(1, most), unit
