"""Reads a topic of Scrapestream with confluent-kafka; prints one JSON object a record.

pip install 'confluent-kafka[avro,schemaregistry]>=2.16'
python consume.py --brokers 127.0.0.1:9092 --registry http://127.0.0.1:8081 --topic job-events
"""

import argparse
import json

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--brokers", default="127.0.0.1:9092")
parser.add_argument("--registry", default="http://127.0.0.1:8081")
parser.add_argument("--topic", default="job-events")
parser.add_argument("--group", default="example-python")
parser.add_argument("--max", type=int, default=0, help="end after so many; 0: never")
arguments = parser.parse_args()

# Without a schema of its own the deserializer uses each record's: all types of the topic are read.
deserialize = AvroDeserializer(SchemaRegistryClient({"url": arguments.registry}))
consumer = Consumer(
    {
        "bootstrap.servers": arguments.brokers,
        "group.id": arguments.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
consumer.subscribe([arguments.topic])
printed = 0
try:
    while not arguments.max or printed < arguments.max:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        headers = {name: value.decode() for name, value in message.headers() or []}
        place = SerializationContext(arguments.topic, MessageField.VALUE)
        value = deserialize(message.value(), place)
        record = {
            "key": message.key().decode(),
            "id": headers["ce_id"],  # the same when a record is sent again: handle it once
            "type": headers["ce_type"],
            "value": value,
        }
        print(json.dumps(record, default=str), flush=True)
        printed += 1
        consumer.commit(message)  # after the work is done: at least once
finally:
    consumer.close()
