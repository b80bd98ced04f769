"""Lets a consumer hand out what it fetched as whole sets, not record by record.

aiokafka makes an object of each record and of each of its headers, which takes longer than all
that the read side does with most of them. Positions, errors and groups stay its own; only what a
fetch brought of a partition is one ``RecordSet``. It has no public way to its bytes.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.structs import TopicPartition as KafkaPartition

from streams.adapters.record_sets import RecordSet
from streams.errors import LogUnavailableError


def hand_out_sets(consumer: AIOKafkaConsumer) -> None:
    """From its next assignment on, ``getmany`` gives record sets; twice is once."""
    fetcher = consumer._fetcher  # noqa: SLF001 - see above
    if not isinstance(fetcher._client, _Client):  # noqa: SLF001
        _SetFetching(fetcher)


class _Client:
    """The client of a fetcher; keeps its answers until they are taken."""

    def __init__(self, client: Any) -> None:
        self._inner = client
        self._kept: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send(self, node_id: int, request: Any) -> Any:
        answer = await self._inner.send(node_id, request)
        self._kept[id(request)] = answer
        return answer

    def taken(self, request: Any) -> Any:
        """The answer to ``request``; None: there was none."""
        return self._kept.pop(id(request), None)


class _SetFetching:
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._client = fetcher._client = _Client(fetcher._client)  # noqa: SLF001
        self._process = fetcher._proc_fetch_request  # noqa: SLF001
        fetcher._proc_fetch_request = self._process_sets  # noqa: SLF001

    async def _process_sets(self, assignment: Any, node_id: int, request: Any) -> bool:
        try:
            has_new: bool = await self._process(assignment, node_id, request)
        finally:
            answer = self._client.taken(request)
        # Nothing was awaited since the fetcher noted what came: nobody has seen it yet.
        for topic, partitions in answer.topics if has_new and answer is not None else ():
            for partition, _, _, *rest in partitions:
                place = KafkaPartition(topic, partition)
                found = self._fetcher._records.get(place)  # noqa: SLF001
                if type(found) is FetchResult:
                    give_as_set(found, rest[-1])
        return has_new


class _Whole:
    """In place of a partition's records: what came of it, still as bytes."""

    def __init__(self, raw: bytes, first: int) -> None:
        self.raw = raw
        self.next_fetch_offset = first


def give_as_set(found: FetchResult, raw: bytes) -> None:
    """Let the result of a fetch give all it has as one set, the first time that it is asked."""
    records = found._partition_records  # noqa: SLF001
    if records is None or isinstance(records, _Whole):
        return
    whole = _Whole(raw, records.next_fetch_offset)

    def getall(max_records: int | None = None) -> list[RecordSet | LogUnavailableError | None]:
        place = found._topic_partition  # noqa: SLF001
        if not found.has_more() or not found.check_assignment(place):
            return []
        try:
            only = RecordSet((place.topic, place.partition), whole.raw, whole.next_fetch_offset)
        except LogUnavailableError as error:
            # Not raised: what other partitions have given in the same call would be lost. This
            # one is fetched again, as its position stays.
            return [error]
        else:
            whole.next_fetch_offset = only.end
            found._update_position()  # noqa: SLF001
            # As long as the records would be, so that the caller's limit holds.
            count = len(only) if max_records is None else min(len(only), max_records)
            return [only, *[None] * (count - 1)]
        finally:
            # At once, or the partition would be left out of the next fetch (docs/hazards.md).
            found._partition_records = None  # noqa: SLF001

    found._partition_records = whole  # noqa: SLF001
    found.getall = getall
