"""The fold of ``webhook-events``, kept in any mapping of bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from streams.domain.webhook import Delivery, RecordedDelivery, evolve_delivery

REMEMBERED = timedelta(minutes=10)  # a DeliveryScheduled is repeated seconds after a crash
FORGET_EVERY = timedelta(minutes=10)  # a pass over the whole storage for each partition
MARK = struct.Struct(">dIiq")
# In front of each delivery's bytes: when it is due (seconds since 1970), tries made, partition,
# offset of its DeliveryScheduled. A sweep over 25,000 deliveries each second reads these only;
# decoding them all would take it half of that second.
AT_ONCE, NEVER = -math.inf, math.inf


class Owed(NamedTuple):
    """What a sweep must know of an owed delivery."""

    delivery_id: str
    attempts: int
    due_s: float
    """Seconds since 1970; minus infinity when only the dead-letter topic is left."""


class DeliveryStorage(Protocol):
    """A dict, or a Faust table keyed by delivery id."""

    def get(self, key: str, /) -> bytes | None:
        """The value, or None."""

    def __setitem__(self, key: str, value: bytes, /) -> None: ...

    def __delitem__(self, key: str, /) -> None: ...

    def items(self) -> Iterable[tuple[str, bytes]]:
        """All keys and values of this process's partitions."""


class DeliveryFold:
    """Deliveries by id.

    ``apply`` changes only keys of its record's partition: a Faust table, if that is the
    storage, writes its changelog there.
    """

    def __init__(self, storage: DeliveryStorage) -> None:
        self._storage = storage
        self._forgot_at: dict[int, datetime] = {}
        self.folded_to: dict[int, int] = {}
        """For each partition, the offset after the last record folded in."""

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery as it stands."""
        value = self._storage.get(delivery_id)
        return None if value is None else decoded(value)

    def owed(self) -> Sequence[Owed]:
        """Every delivery that is owed, due or not."""
        found = []
        for delivery_id, value in list(self._storage.items()):
            due_s, attempts, _, _ = MARK.unpack_from(value)
            if due_s != NEVER:
                found.append(Owed(delivery_id, attempts, due_s))
        return found

    def apply(self, recorded: RecordedDelivery, now: datetime) -> Delivery | None:
        """Fold one record; the delivery after it, None when the record changed nothing."""
        known = self.folded_to.get(recorded.partition, 0)
        self.folded_to[recorded.partition] = max(known, recorded.offset + 1)
        before = self.find(recorded.delivery_id)
        delivery = evolve_delivery(before, recorded)
        self._forget_closed(recorded.partition, now)
        if delivery is None or delivery is before:
            return None
        self._storage[delivery.delivery_id] = encoded(delivery)
        return delivery

    def low_waters(self) -> Mapping[int, int]:
        """For each partition, the offset of the oldest record that still matters."""
        oldest = dict(self.folded_to)
        for _, value in list(self._storage.items()):
            _, _, partition, offset = MARK.unpack_from(value)
            oldest[partition] = min(oldest.get(partition, offset), offset)
        return oldest

    def keep_only(self, partitions: Set[int]) -> None:
        """Drop everything of other partitions. Not for a table, which Faust cuts itself."""
        if self.folded_to.keys() <= partitions:
            return
        for delivery_id, value in list(self._storage.items()):
            if MARK.unpack_from(value)[2] not in partitions:
                del self._storage[delivery_id]
        self.folded_to = {n: end for n, end in self.folded_to.items() if n in partitions}

    def _forget_closed(self, partition: int, now: datetime) -> None:
        if now - self._forgot_at.setdefault(partition, now) < FORGET_EVERY:
            return
        self._forgot_at[partition] = now
        for delivery_id, value in list(self._storage.items()):
            due_s, _, its_partition, _ = MARK.unpack_from(value)
            if due_s != NEVER or its_partition != partition:
                continue
            closed_at = decoded(value).closed_at
            if closed_at is not None and now - closed_at > REMEMBERED:
                del self._storage[delivery_id]


def encoded(delivery: Delivery) -> bytes:
    """``delivery`` as the storage keeps it."""
    due_s = delivery.due_at.timestamp() if delivery.due_at else AT_ONCE
    mark = MARK.pack(
        due_s if delivery.is_owed else NEVER,
        delivery.attempts,
        delivery.partition,
        delivery.scheduled_offset,
    )
    return mark + msgspec.msgpack.encode(delivery)


def decoded(value: bytes) -> Delivery:
    """The delivery in a value of the storage."""
    return msgspec.msgpack.decode(memoryview(value)[MARK.size :], type=Delivery)
