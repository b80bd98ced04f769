"""Headers that every answer has (OWASP REST Security)."""

from __future__ import annotations

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# As they go over the wire: every answer needs them, so they are made once.
RAW_HEADERS = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())
