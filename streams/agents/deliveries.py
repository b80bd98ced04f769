"""Webhook deliveries that are owed: when each is tried, and what its end adds to the log.

At least once: a crash between a POST and its record sends again, with the same ``webhook-id``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from yarl import URL

from streams.agents.delivery_fold import DeliveryFold, DeliveryStorage
from streams.agents.lanes import Lanes
from streams.dead_letters import EXHAUSTED
from streams.domain.retry import RetryPolicy
from streams.domain.webhook import (
    Delivery,
    DeliveryExhausted,
    DeliveryResult,
    RecordedDelivery,
    attempted,
    delivery_event,
    scheduled_event,
)
from streams.errors import InvalidSettingError, StoreUnavailableError, UnavailableError
from streams.ports import EventLog, JobStore, NewRecord, RawRecord
from streams.settings import Settings
from streams.topics import WEBHOOK_DLQ

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200
MOST_PER_HOST = 10  # a slow receiver takes at most a twentieth of all places
ITEMS_WAIT_S = 120.0  # then the customer hears of the end although the items are not readable


class Sender(Protocol):
    """Makes one try; see ``streams.adapters.webhook_sender``."""

    async def send(self, delivery: Delivery, secret: str | None) -> DeliveryResult:
        """POST the body once. A failure is a result, not an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryParts:
    """What the deliveries work with."""

    log: EventLog
    store: JobStore
    sender: Sender
    encode: Callable[[RecordedDelivery], NewRecord]
    """``Records.delivery``: makes the original bytes again for the dead-letter topic."""
    unseal: Callable[[str], str]
    """``Sealer.unseal``."""
    settings: Settings
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_result: Callable[[DeliveryResult], None] = lambda _: None
    """Called after each try, for metrics."""


class Deliveries:
    """The owed deliveries, and the tries under way.

    State changes only by reading back the log. ``sweep`` is level-triggered: it starts whatever
    is due and not under way, so nothing depends on one event being seen at the right time.
    """

    def __init__(self, storage: DeliveryStorage, parts: DeliveryParts) -> None:
        self._fold = DeliveryFold(storage)
        self._parts = parts
        self._retry = RetryPolicy(base_s=parts.settings.webhook_retry_base_s)
        self._lanes = Lanes(most=MOST_AT_ONCE, most_per_key=MOST_PER_HOST)
        self._under_way: dict[str, int] = {}
        """Each delivery's try, from its start until the log has told its end."""
        self._unsaved: dict[tuple[str, int], RecordedDelivery] = {}
        """Ends of tries that the log did not take: they are appended again, not sent again."""
        self._waiting_since: dict[str, datetime] = {}
        """Deliveries whose items are not readable yet."""
        self._held: set[int] = set()

    def hold(self, partition: int) -> None:
        """Try nothing of ``partition`` until ``release``: its past is still being folded.

        After a crash the log tells of tries that the storage has not seen; without the hold
        they would be made again.
        """
        self._held.add(partition)

    def release(self, partition: int) -> None:
        """The fold of ``partition`` has caught up; the next sweep starts what is due."""
        self._held.discard(partition)

    def keep_only(self, partitions: Set[int]) -> None:
        """Drop deliveries of other partitions: another process has them now."""
        self._fold.keep_only(partitions)

    def low_waters(self) -> Mapping[int, int]:
        """For each partition, the offset from which its records must be folded after a start."""
        return self._fold.low_waters()

    def folded_to(self, partition: int) -> int:
        """The offset after the last record folded of ``partition``; 0 when there was none."""
        return self._fold.folded_to.get(partition, 0)

    def fold(self, recorded: RecordedDelivery) -> None:
        """Apply one record of ``webhook-events``; start its delivery if that is due."""
        now = self._parts.clock()
        delivery = self._fold.apply(recorded, now)
        if delivery is not None:
            made = self._under_way.get(delivery.delivery_id)
            if made is not None and (delivery.attempts >= made or not delivery.is_owed):
                del self._under_way[delivery.delivery_id]
            self._start_if_due(delivery, now)

    def sweep(self) -> None:
        """Start every delivery that is due and not under way. Call it every second.

        Raises:
            Exception: an earlier try ended by a bug; let the process restart.
        """
        self._lanes.check()
        now = self._parts.clock()
        owed = self._fold.owed()
        for delivery_id, attempts, due_s in owed:
            if due_s <= now.timestamp() and self._under_way.get(delivery_id) != attempts + 1:
                delivery = self._fold.find(delivery_id)
                if delivery is not None:
                    self._start_if_due(delivery, now)
        self._drop_notes_except({each.delivery_id for each in owed})

    async def close(self, grace_s: float) -> None:
        """Start nothing more; give tries under way ``grace_s`` to end, then stop them."""
        await self._lanes.close(grace_s)

    def _start_if_due(self, delivery: Delivery, now: datetime) -> None:
        number = delivery.attempts + 1
        if (
            not delivery.is_owed
            or delivery.partition in self._held
            or self._under_way.get(delivery.delivery_id) == number
            or (delivery.due_at is not None and delivery.due_at > now)
        ):
            return
        self._under_way[delivery.delivery_id] = number
        self._lanes.put(
            _receiver_of(delivery), partial(self._take_on, delivery.delivery_id, number)
        )

    async def _take_on(self, delivery_id: str, number: int) -> None:
        """Make a try and record it; when that is not possible now, leave it to the next sweep."""
        is_recorded = False
        try:
            delivery = self._fold.find(delivery_id)  # it may have moved on while this waited
            if delivery is not None and delivery.is_owed and delivery.attempts + 1 == number:
                is_recorded = await self._recorded(delivery, number)
        except UnavailableError as error:
            log.warning(
                "webhook not recorded yet", extra={"delivery_id": delivery_id, "error": error.code}
            )
        finally:
            # A recorded try stays under way until the log is read back.
            if not is_recorded and self._under_way.get(delivery_id) == number:
                del self._under_way[delivery_id]

    async def _recorded(self, delivery: Delivery, number: int) -> bool:
        """Whether the end of this try is in the log now."""
        key = (delivery.delivery_id, number)
        new = self._unsaved.get(key)
        if new is None:
            if delivery.due_at is None:
                new = await self._given_up(delivery)
            elif await self._is_readable(delivery):
                new = await self._tried(delivery)
            else:
                return False
            self._unsaved[key] = new
        await self._parts.log.append_delivery(new)
        self._unsaved.pop(key, None)
        return True

    async def _is_readable(self, delivery: Delivery) -> bool:
        """Whether the customer, once told, finds all items."""
        items = delivery.scheduled.items
        if delivery.attempts > 0 or items is None:
            return True
        now = self._parts.clock()
        since = self._waiting_since.setdefault(delivery.delivery_id, now)
        try:
            is_stored = await self._parts.store.has_items(delivery.job_id, items.end)
        except StoreUnavailableError:
            is_stored = False
        if not is_stored and (now - since).total_seconds() < ITEMS_WAIT_S:
            return False
        if not is_stored:
            log.warning("webhook sent before items are readable", extra=_names_of(delivery))
        self._waiting_since.pop(delivery.delivery_id, None)
        return True

    async def _tried(self, delivery: Delivery) -> RecordedDelivery:
        parts = self._parts
        try:
            sealed = delivery.scheduled.secret
            result = await parts.sender.send(delivery, parts.unseal(sealed) if sealed else None)
        except InvalidSettingError:
            result = DeliveryResult(ok=False, error="webhook.secret")  # never unsigned instead
        parts.on_result(result)
        at = parts.clock()
        event = attempted(
            delivery, result, at, tries=parts.settings.webhook_tries, retry=self._retry
        )
        log.log(
            logging.INFO if result.ok else logging.WARNING,
            "webhook delivered" if result.ok else "webhook failed",
            extra={
                **_names_of(delivery),
                "attempt": event.attempt,
                "status_code": result.status_code,
                "error": result.error,
                "duration_ms": round(result.duration_ms, 1),
                "next_at": event.next_at and event.next_at.isoformat(),
            },
        )
        return delivery_event(delivery, event, at)

    async def _given_up(self, delivery: Delivery) -> RecordedDelivery:
        reason = f"no try is left after {delivery.attempts}: {delivery.last_error}"
        original = self._parts.encode(scheduled_event(delivery))
        letter = RawRecord(
            topic=original.topic,
            partition=delivery.partition,
            offset=delivery.scheduled_offset,
            key=original.key,
            value=original.value,
            headers=original.headers,
        )
        await self._parts.log.reject(letter, reason, to=WEBHOOK_DLQ, error=EXHAUSTED)
        log.error("webhook given up", extra={**_names_of(delivery), "reason": reason})
        event = DeliveryExhausted(attempts=delivery.attempts, reason=reason)
        return delivery_event(delivery, event, self._parts.clock())

    def _drop_notes_except(self, owed: Set[str]) -> None:
        """Drop notes of deliveries that went to another process with their partition."""
        for known in self._under_way.keys() - owed:
            del self._under_way[known]
        for known in self._waiting_since.keys() - owed:
            del self._waiting_since[known]
        for key in [key for key in self._unsaved if key[0] not in owed]:
            del self._unsaved[key]


def _receiver_of(delivery: Delivery) -> str:
    """Host and port: what may be slow. The rest of a URL can be a secret and is not logged."""
    try:
        url = URL(delivery.scheduled.url)
    except ValueError:
        return ""
    return f"{url.raw_host}:{url.port}"


def _names_of(delivery: Delivery) -> dict[str, str]:
    return {
        "delivery_id": delivery.delivery_id,
        "job_id": delivery.job_id,
        "receiver": _receiver_of(delivery),
    }
