"""Records that are stored together: what the materializer gathers before it inserts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.adapters.record_sets import RecordSet
from streams.domain.items import RecordedItem
from streams.domain.job import Job
from streams.domain.place import RecordedPlaceEvent
from streams.domain.webhook import RecordedDelivery
from streams.event_sets import ReadEvents
from streams.ports import RawRecord, TopicPartition
from streams.projections import (
    items,
    job_events,
    jobs,
    place_events,
    place_reviews,
    places,
    webhook_events,
)
from streams.projections.projection import Projection


@dataclass(slots=True)
class Batch:
    """Records that are stored together."""

    events: list[ReadEvents] = field(default_factory=list)
    """Job events, in sets of one partition."""
    items: list[RecordedItem] = field(default_factory=list)
    deliveries: list[RecordedDelivery] = field(default_factory=list)
    places: list[RecordedPlaceEvent] = field(default_factory=list)
    rejected: list[tuple[RawRecord, str]] = field(default_factory=list)
    """What can never be read, with the reason."""
    count: int = 0
    """Records, those rejected too."""
    firsts: dict[TopicPartition, int] = field(default_factory=dict)
    """The offset of the first record of each partition."""
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    """The offset after the last record of each partition."""

    def cover(self, found: RecordSet) -> None:
        """Count records of one partition, which are in order."""
        partition = (found.topic, found.partition)
        offsets = found.offsets
        self.firsts.setdefault(partition, int(offsets[0]))
        self.ends[partition] = int(offsets[-1]) + 1
        self.count += len(found)

    def tables(self, changed: Sequence[Job]) -> Sequence[tuple[Projection, Sequence[Any]]]:
        """What goes where, in this order: the events of a topic last, as they say how far it is.

        ``changed``: the jobs as the events leave them.
        """
        return (
            (items.projection, self.items),
            (jobs.projection, changed),
            (job_events.projection, self.events),
            (webhook_events.projection, self.deliveries),
            (places.projection, self.places),
            (place_reviews.projection, self.places),
            (place_events.projection, self.places),
        )

    def name(self, incarnations: Mapping[str, str]) -> str:
        """The same for the same records, so that the same insert again stores nothing.

        ``incarnations``: Kafka's id of each topic.
        """
        ranges = ";".join(
            f"{topic}:{incarnations.get(topic, '')}:{partition}:"
            f"{self.firsts[topic, partition]}-{self.ends[topic, partition]}"
            for topic, partition in sorted(self.ends)
        )
        return hashlib.sha256(ranges.encode()).hexdigest()
