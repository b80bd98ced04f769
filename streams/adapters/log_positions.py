"""Where the materializer goes on: the positions that it wrote down, and the rows themselves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from streams.adapters.clickhouse import ClickHouse
from streams.errors import TopicReplacedError
from streams.ports import TopicPartition
from streams.projections.log_positions import LogPosition, projection

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608

TABLE = projection.table


class LogPositions:
    """The table of positions. Each method raises StoreUnavailableError; call again."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def of(self, topic: str) -> Mapping[int, int]:
        """For each partition, the offset before which everything is stored.

        Never too high; lower than the rows by the one batch that is being stored.
        """
        rows = await self._clickhouse.rows(
            f"SELECT partition, max(end) FROM {TABLE} WHERE topic = {{topic:String}} "
            f"AND incarnation IN ('', (SELECT argMax(incarnation, stored_at) FROM {TABLE} "
            "WHERE topic = {topic:String})) GROUP BY partition",
            {"topic": topic},
        )
        return {int(partition): int(end) for partition, end in rows}

    async def check(self, ids: Mapping[str, str]) -> None:
        """Compare topics with those that the store was filled from.

        Raises:
            TopicReplacedError: one was deleted and made anew; its offsets mean other records.
        """
        rows = await self._clickhouse.rows(
            f"SELECT topic, argMax(incarnation, stored_at) FROM {TABLE} "
            "WHERE incarnation != '' GROUP BY topic"
        )
        for topic, known in rows:
            if ids.get(topic, known) != known:
                raise TopicReplacedError(topic)

    async def store(
        self, ends: Mapping[TopicPartition, int], ids: Mapping[str, str], at: datetime | None = None
    ) -> None:
        """Write positions down; their records must be stored."""
        at = at or datetime.now(UTC)
        rows = [
            projection.row(
                LogPosition(
                    topic=topic,
                    incarnation=ids.get(topic, ""),
                    partition=partition,
                    end=end,
                    stored_at=at,
                )
            )
            for (topic, partition), end in sorted(ends.items())
        ]
        if rows:
            await self._clickhouse.insert(projection, rows, token=uuid.uuid4().hex)
