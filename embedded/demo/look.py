"""How the cards of a demo place look, and the names of their classes."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from embedded.demo.labels import Labels, labels_in

CLASSES = {
    "card": "jftiEf fontBodyMedium jJc9Ad GHT2ce NsCY4",
    "author": "d4r55 fontTitleMedium WEBjve al6Kxe NBa7we RfnDt",
    "text": "MyEned wiI7pd w8nwRe kyuRq oqftme fontTitleSmall WOKzJe",
    "rating": "kvMYJc hCCjke google-symbols NhBTye elGi1d gnOR4e fzvQIb",
    "date": "rsqaWe xRkPPb DU9Pgb",
    "reply": "CDe7pd nM6d2c DZSIDd",
    "photos": "KtCyie Tya61d Tap5If fontDisplayMedium",
    "likes": "Upo0Ec gllhef NlVald znYl0 pkWtMe",
    "details": "PBK6be RfDO5c",
}
"""Names of the classes of a card, by what they are about."""

_CLASS = re.compile(r'(?<= class=")[^"]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a place's cards are drawn; the default is what most real places look like."""

    labels: Labels = field(default_factory=lambda: labels_in("en"))
    layout: str = "cafe"
    """``cafe`` or ``hotel``."""
    class_names: Mapping[str, str] = field(default_factory=dict)
    """New names of classes, by their usual ones."""
    is_readable: bool = True
    """Else a card is texts in plain boxes: no id, class, role or label."""
    has_rating_numbers: bool = True
    """Whether the label of the stars says how many they are."""
    is_truncated: bool = False
    """Long texts are cut, and no button brings the rest."""

    def renamed(self, html: str) -> str:
        """``html`` with the new names of its classes."""
        if not self.class_names:
            return html
        return _CLASS.sub(
            lambda names: " ".join(self.class_names.get(name, name) for name in names[0].split()),
            html,
        )


def new_class_names(wanted: str, seed: int) -> Mapping[str, str]:
    """Random names for the classes of ``wanted`` (of ``CLASSES``, with commas; ``0``: all)."""
    chosen = set(CLASSES) if wanted == "0" else set(wanted.split(","))
    random = Random(f"{seed}/classes")  # noqa: S311 - a demo, not a secret
    return {
        name: "".join(random.choices(string.ascii_letters, k=6))
        for kind, names in CLASSES.items()
        if kind in chosen
        for name in names.split()
    }
