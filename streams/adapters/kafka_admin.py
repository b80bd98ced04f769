"""Creates topics, and asks the broker what consumer groups do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.adapters.kafka_topic_ids import TopicIdsRequest, topic_ids_in
from streams.errors import LogUnavailableError
from streams.ports import TopicPartition
from streams.settings import Settings
from streams.topics import FOR_EVER, Topic, all_topics


class KafkaAdmin:
    """Questions and orders to the broker. ``open_admin`` makes one.

    Each method raises LogUnavailableError when the broker does not answer.
    """

    def __init__(self, client: AIOKafkaAdminClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    async def create_topics(self) -> Mapping[str, bool]:
        """Create what is missing of ``all_topics``. For each topic, whether it is new."""
        existing = set(await self._answer(self._client.list_topics()))
        missing = [topic for topic in all_topics() if topic.name not in existing]
        if missing:
            answer = await self._answer(
                self._client.create_topics([self._new(topic) for topic in missing])
            )
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                # Another `topics` at the same time is fine; anything else is not.
                if code and error is not TopicAlreadyExistsError:
                    raise LogUnavailableError(f"topic {name} was not created: {error.__name__}")
        await self._grow([topic for topic in all_topics() if topic.name in existing])
        return {topic.name: topic.name not in existing for topic in all_topics()}

    async def create_topic(self, name: str, *, partitions: int) -> bool:
        """Create a topic whose records are kept for ever. False: there is one of this name."""
        if name in set(await self._answer(self._client.list_topics())):
            return False
        new = NewTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=self._settings.replication_factor,
            topic_configs={"retention.ms": str(FOR_EVER), "cleanup.policy": "delete"},
        )
        answer = await self._answer(self._client.create_topics([new]))
        for _, code, *_ in answer.topic_errors:
            error = for_code(code)
            if error is TopicAlreadyExistsError:
                return False
            if code:
                raise LogUnavailableError(f"topic {name} was not created: {error.__name__}")
        return True

    async def _grow(self, existing: Sequence[Topic]) -> None:
        """Add partitions to topics whose records need no order: an earlier release had fewer."""
        growing = [topic for topic in existing if topic.may_grow]
        if not growing:
            return
        described = await self._answer(
            self._client.describe_topics([topic.name for topic in growing])
        )
        have = {found["topic"]: len(found["partitions"]) for found in described}
        wanted = {
            topic.name: NewPartitions(total_count=topic.partitions)
            for topic in growing
            if 0 < have.get(topic.name, 0) < topic.partitions
        }
        if wanted:
            await self._answer(self._client.create_partitions(wanted))

    async def members(self, group: str) -> int:
        """Living members of a consumer group."""
        answers = await self._answer(self._client.describe_consumer_groups([group]))
        # group: (error, name, state, protocol type, protocol, members, ...)
        return sum(len(found[5]) for answer in answers for found in answer.groups)

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """The offsets that a group has committed."""
        offsets = await self._answer(self._client.list_consumer_group_offsets(group))
        return {
            (part.topic, part.partition): meta.offset
            for part, meta in offsets.items()
            if meta.offset >= 0
        }

    async def topic_ids(self, names: Sequence[str]) -> Mapping[str, str]:
        """What Kafka calls each topic: another id means that it was deleted and made anew.

        Nothing of topics that are not there, and of brokers that give no ids.
        """
        request = TopicIdsRequest(list(names))
        try:
            return topic_ids_in(await self._answer(self._client._send_request(request)))  # noqa: SLF001 - no public way
        except NotImplementedError:
            return {}

    async def ping(self) -> None:
        """Return when the broker answers."""
        await self._answer(self._client.describe_cluster())

    def _new(self, topic: Topic) -> NewTopic:
        retention_ms = topic.kept_ms(self._settings.event_retention_days)
        return NewTopic(
            name=topic.name,
            num_partitions=topic.partitions,
            replication_factor=self._settings.replication_factor,
            topic_configs={"retention.ms": str(retention_ms), "cleanup.policy": "delete"},
        )

    async def _answer(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except (KafkaError, OSError) as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error


@asynccontextmanager
async def open_admin(settings: Settings, client_id: str) -> AsyncIterator[KafkaAdmin]:
    """An admin connection.

    Raises:
        LogUnavailableError: no broker answers.
    """
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.brokers(), client_id=client_id, request_timeout_ms=5_000
    )
    try:
        await client.start()
    except (KafkaError, OSError) as error:
        await client.close()
        raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
    try:
        yield KafkaAdmin(client, settings)
    finally:
        await client.close()
