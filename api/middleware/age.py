"""``X-Data-Age``: how old an answer may be, seconds."""

from __future__ import annotations

import re

from api.store_age import StoreAge

# What is answered from the store, wholly or in part; everything else of a job is the log's own.
STORED = re.compile(r"/jobs|/jobs/[^/]+/(reviews|events)|/batches/[^/]+/jobs")
LIVE = re.compile(r"/jobs/[^/]+|/batches/[^/]+")


def data_age(path: str, age: StoreAge) -> float | None:
    """How far an answer from ``path`` may lag behind the log, seconds; None: not about jobs."""
    if STORED.fullmatch(path):
        return age.seconds()
    return 0.0 if LIVE.fullmatch(path) else None
