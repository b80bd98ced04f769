"""Scripts of jobs for `ScriptedApi`: what a client hears of a job that ends in some way."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]

CREATED = "2026-11-22T17:00:00Z"
ENDED = "2026-11-22T17:00:12.500Z"


def ended(status: str, *, count: int = 30, **more: Any) -> Body:
    """The job at its end."""
    times = {"created_at": CREATED, "completed_at": ENDED}
    return {"status": status, "stage": status, "reviews_count": count, **times, **more}


def messages(status: str, *, count: int = 30) -> list[Body]:
    """Its stream: one message a batch of ten, and the last."""
    batches = [
        _message(number, "processing", "scrolling", loaded)
        for number, loaded in enumerate(range(10, count + 1, 10), 2)
    ]
    asked = _message(1, "queued", "queued", 0)
    return [asked, *batches, _message(len(batches) + 2, status, status, count)]


def _message(seq: int, status: str, stage: str, loaded: int) -> Body:
    return {
        "stage": stage,
        "status": status,
        "reviews_loaded": loaded,
        "reviews_total": 30,
        "progress": loaded * 100 // 30,
        "type": "ProgressReported",
        "seq": seq,
        "at": f"2026-11-22T17:00:{seq:02}Z",
    }


def review(number: int, text: str = "Good.") -> Body:
    """One review of an answer."""
    return {
        "review_id": f"r{number}",
        "author_name": "Anna K.",
        "rating": 5.0,
        "text": text,
        "photo_urls": ["https://example.com/1.jpg"],
        "likes": -1,
    }
