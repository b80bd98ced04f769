"""The embedded broker keeps what it acknowledged, whatever ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from embedded.jars import fetch_jars
from embedded.kafka import has_broker, kafka_part
from embedded.part import Part
from scrapestream.data_directory import DataDirectory
from tests.embedded.processes import kill, start, stop

TOPIC = "it-kept"
GROUP = "it-group"


async def make_part(path: Path) -> Part:
    directory = DataDirectory(path)
    directory.make()
    controller = directory.port("kafka-controller")
    port = directory.port("kafka")
    return await kafka_part(path, port=port, controller_port=controller, jars=fetch_jars())


async def test_topics_records_and_offsets_survive_a_kill_and_a_restart(tmp_path: Path) -> None:
    part = await make_part(tmp_path)
    servers = part.address.removeprefix("kafka://")
    cluster_id = (tmp_path / "kafka" / "cluster-id").read_text()
    broker = await start(part)
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        await admin.start()
        await admin.create_topics([NewTopic(TOPIC, num_partitions=3, replication_factor=1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
        await producer.start()
        for number in range(30):
            await producer.send_and_wait(TOPIC, str(number).encode(), partition=number % 3)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers, group_id=GROUP, enable_auto_commit=False
        )
        await consumer.start()
        consumer.assign([TopicPartition(TOPIC, 0)])
        await consumer.commit({TopicPartition(TOPIC, 0): 7})
        await consumer.stop()

        await kill(broker)
        await producer.stop()
        again = await make_part(tmp_path)
        assert (again.command, again.address) == (part.command, part.address)
        broker = await start(again)

        consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=GROUP)
        await consumer.start()
        partitions = [TopicPartition(TOPIC, number) for number in range(3)]
        consumer.assign(partitions)
        assert await consumer.end_offsets(partitions) == dict.fromkeys(partitions, 10)
        assert await consumer.committed(partitions[0]) == 7
        assert (tmp_path / "kafka" / "cluster-id").read_text() == cluster_id

        producer = AIOKafkaProducer(bootstrap_servers=servers, request_timeout_ms=2_000)
        await producer.start()
        with pytest.raises(UnknownTopicOrPartitionError):
            # Topics are made by `scrapestream topics` alone: a misspelt name is an error.
            await producer.client._wait_on_metadata("it-misspelt")  # noqa: SLF001 - no public way
        await producer.stop()
        await consumer.stop()

        await stop(broker)
        assert not await has_broker(int(servers.rpartition(":")[2]))
    finally:
        await kill(broker)
