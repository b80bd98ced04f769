"""Reviews in place events, encrypted as they are in ``scraped-items``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streams.domain.place import OwnerReplied, ReviewEdited, ReviewEvent
from streams.sealed_fields import DataKey, sealed, unsealed


def sealed_review_event(event: ReviewEvent, key: DataKey, event_id: str) -> ReviewEvent:
    """The event with what is personal in its review, and the text before, encrypted."""
    return _changed(event, lambda fields, about: sealed(fields, key, about), event_id)


def unsealed_review_event(event: ReviewEvent, key: DataKey, event_id: str) -> ReviewEvent:
    """The event as it was. Raises BrokenSealError."""
    return _changed(event, lambda fields, about: unsealed(fields, key, about), event_id)


def _changed(event: ReviewEvent, change: Any, event_id: str) -> ReviewEvent:
    review: Mapping[str, Any] = change(event.review, event_id)
    if isinstance(event, ReviewEdited | OwnerReplied) and event.old_text:
        old_text = change({"text": event.old_text}, f"{event_id}/old")["text"]
        return replace(event, review=review, old_text=old_text)
    return replace(event, review=review)
