"""Which types of ours the records of each topic become, by the short name of their schema."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.catalog import schemas_in
from streams.domain.erasure import ErasureCompleted, ErasureEvent, ErasureRequested
from streams.domain.events import AUTHORS, JobEvent
from streams.domain.fleet import DrainWorker
from streams.domain.monitor_events import MONITOR_AUTHORS, MonitorEvent
from streams.domain.replays import REPLAY_EVENTS as REPLAY_EVENT_CLASSES
from streams.domain.replays import ReplayEvent
from streams.domain.tasks import StopAttempt
from streams.domain.webhook import (
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryExhausted,
    DeliveryScheduled,
)

JOB_EVENT_TYPES: Mapping[str, type[JobEvent]] = {cls.__name__: cls for cls in AUTHORS}
DELIVERY_TYPES: Mapping[str, type[DeliveryEvent]] = {
    cls.__name__: cls for cls in (DeliveryScheduled, DeliveryAttempted, DeliveryExhausted)
}
MONITOR_TYPES: Mapping[str, type[MonitorEvent]] = {cls.__name__: cls for cls in MONITOR_AUTHORS}
ORDER_TYPES: Mapping[str, type[StopAttempt | DrainWorker]] = {
    cls.__name__: cls for cls in (StopAttempt, DrainWorker)
}
ERASURE_TYPES: Mapping[str, type[ErasureEvent]] = {
    cls.__name__: cls for cls in (ErasureRequested, ErasureCompleted)
}
REPLAY_TYPES: Mapping[str, type[ReplayEvent]] = {cls.__name__: cls for cls in REPLAY_EVENT_CLASSES}
ITEM_TYPES = {schema.name: schema for schema in schemas_in("items")}
