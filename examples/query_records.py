"""Asks SQL of records as they are in Kafka: ClickHouse decodes them (``AvroConfluent``).

    pip install 'chdb>=4.4' 'confluent-kafka>=2.16'
    python query_records.py --topic scraped-items --max 100 \\
        --columns 'review_id String, rating Nullable(Float64)' \\
        --query 'SELECT rating, count() FROM records GROUP BY rating ORDER BY rating'

A ClickHouse server does the same without this program, with a table of its Kafka engine: see
docs/how-to/consume.md.
"""

import argparse
import tempfile
from pathlib import Path

import chdb
from confluent_kafka import Consumer, TopicPartition

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--brokers", default="127.0.0.1:9092")
parser.add_argument("--registry", default="http://127.0.0.1:8081")
parser.add_argument("--topic", default="scraped-items")
parser.add_argument("--columns", default="review_id String, rating Nullable(Float64)")
parser.add_argument("--query", default="SELECT count() FROM records")
parser.add_argument("--type", default="scrapestream.items.GoogleReview", help="records of this")
parser.add_argument("--max", type=int, default=10_000)
arguments = parser.parse_args()

consumer = Consumer({"bootstrap.servers": arguments.brokers, "group.id": "example-query"})
partitions = consumer.list_topics(arguments.topic, timeout=10).topics[arguments.topic].partitions
consumer.assign([TopicPartition(arguments.topic, number, 0) for number in partitions])
ends = {
    number: consumer.get_watermark_offsets(TopicPartition(arguments.topic, number), timeout=10)[1]
    for number in partitions
}
wanted = min(arguments.max, sum(ends.values()))
values: list[bytes] = []
seen = 0
while seen < wanted:
    message = consumer.poll(10.0)
    if message is None:
        raise SystemExit("Kafka gives no more records")
    if message.error():
        raise SystemExit(str(message.error()))
    seen += 1
    if dict(message.headers() or []).get("ce_type", b"").decode() == arguments.type:
        values.append(message.value())
consumer.close()

with tempfile.TemporaryDirectory() as directory:
    # Values one after the other: the wire format needs nothing in between.
    path = Path(directory) / "values"
    path.write_bytes(b"".join(values))
    query = arguments.query.replace(
        "FROM records", f"FROM file('{path}', 'AvroConfluent', '{arguments.columns}')"
    )
    print(
        chdb.query(
            f"{query} SETTINGS format_avro_schema_registry_url = '{arguments.registry}', "
            "input_format_avro_allow_missing_fields = 1",
            "JSONEachRow",
        )
    )
