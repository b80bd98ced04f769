"""Python's search for reference cycles, for processes that make many objects and no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 200_000  # before cycles are looked for; records and states have none


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Look for cycles seldom, and not in what is there: it took a third of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
