"""Orders to workers, from the time on when a worker begins to listen."""

from __future__ import annotations

from streams.adapters.kafka_reader import KafkaReader
from streams.topics import WORKER_CONTROL


async def follow_orders(orders: KafkaReader) -> None:
    """Read ``worker-control`` from its end on: earlier orders were for earlier attempts."""
    ends = await orders.ends(WORKER_CONTROL)
    orders.assign({(WORKER_CONTROL, number): end for number, end in ends.items()})
