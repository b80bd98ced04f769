"""The HTTP header ``Retry-After`` (RFC 9110, 10.2.3): when a server wants to be asked again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]+)?")


def retry_after_in(text: str, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` asks for: a number, or a date. None when it is neither."""
    if SECONDS.fullmatch(text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
