"""A dead-letter topic with more letters than a process can know: none is shown twice or lost."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.dead_letters import UNREADABLE, Letter, Letters, Resolution, marker, rejection
from streams.ports import NewRecord, RawRecord
from streams.topics import JOB_EVENTS, SCRAPE_DLQ

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MOST = 3


def apply(letters: Letters, new: NewRecord, offset: int) -> Letter | None:
    """Fold a record in, as it lies at ``offset``."""
    raw = RawRecord(
        topic=new.topic,
        partition=0,
        offset=offset,
        key=new.key,
        value=new.value,
        headers=list(new.headers),
    )
    return letters.apply(raw)


def put(letters: Letters, offset: int, original: int, reason: str = "junk") -> bool:
    """The letter at ``offset`` about the event at ``original``; whether it is new."""
    event = RawRecord(topic=JOB_EVENTS, partition=0, offset=original, key=b"job", value=b"x")
    new = rejection(event, reason, UNREADABLE, NOW, to=SCRAPE_DLQ)
    return apply(letters, new, offset) is not None


def resolve(letters: Letters, offset: int, at: int) -> None:
    """The marker at ``at`` about the letter at ``offset``."""
    new = marker((SCRAPE_DLQ, 0, offset), Resolution.DROPPED, NOW)
    assert apply(letters, new, at) is None


def offsets(letters: Letters) -> list[int]:
    return [letter.place[2] for letter in letters.open()]


def test_the_newest_are_known_and_the_others_counted() -> None:
    letters = Letters(MOST)
    assert all(put(letters, offset, 100 + offset) for offset in range(5))
    assert (offsets(letters), letters.left_out) == ([4, 3, 2], 2)
    assert letters.find((SCRAPE_DLQ, 0, 0)) is None


def test_resolved_ones_make_room_first() -> None:
    letters = Letters(MOST)
    for offset in range(3):
        put(letters, offset, 100 + offset)
    resolve(letters, 1, at=3)
    put(letters, 4, 104)
    assert (offsets(letters), letters.left_out) == ([4, 2, 0], 0)


def test_one_rejected_twice_stays_resolved_and_makes_room_once() -> None:
    letters = Letters(MOST)
    put(letters, 0, 100)
    resolve(letters, 0, at=1)
    assert not put(letters, 2, 100)
    for offset in range(3, 6):
        put(letters, offset, 100 + offset)
    assert (offsets(letters), letters.left_out) == ([5, 4, 3], 0)


def test_a_marker_of_one_that_was_left_out_changes_nothing() -> None:
    letters = Letters(MOST)
    for offset in range(4):
        put(letters, offset, 100 + offset)
    resolve(letters, 0, at=4)
    assert offsets(letters) == [3, 2, 1]


def test_a_reason_takes_no_more_room_than_it_is_worth() -> None:
    letters = Letters(MOST)
    put(letters, 0, 100, reason="r" * 100_000)
    [letter] = letters.open()
    assert len(letter.reason) == 2_000
