"""Kafka to ClickHouse as it is usually written: JSON, one insert of 1,000 rows after the other.

``python -m bench.peers.classic_sink BROKERS CLICKHOUSE_URL TOPIC ROWS`` prints, as JSON, how long
the rows took after the first insert. Fair where it can be: librdkafka reads, the table is one like
ours, with the same columns, and their types are given, so that the server is asked for nothing but
to store. It knows no states of jobs, no tokens and no dead letters.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from confluent_kafka import Consumer

from streams.projections import job_events

ROWS_AN_INSERT = 1_000
TABLE = "classic_sink"
COLUMNS = tuple(name for name, _ in job_events.projection.columns)
TYPES = tuple(type_.partition(" CODEC")[0] for _, type_ in job_events.projection.columns)


def main(brokers: str, clickhouse_url: str, topic: str, total: int) -> None:
    """Store ``total`` rows, then say how long they took."""
    url = urlsplit(clickhouse_url)
    client = clickhouse_connect.get_client(host=url.hostname, port=url.port or 8123)
    client.command(job_events.projection.create(TABLE))
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": TABLE,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    rows: list[tuple[Any, ...]] = []
    stored = first = 0
    began_s = began_cpu_s = 0.0
    while stored < total:
        found = consumer.consume(ROWS_AN_INSERT - len(rows), 1.0)
        rows += [_row(message) for message in found if message.error() is None]
        if len(rows) == ROWS_AN_INSERT or stored + len(rows) >= total:
            client.insert(TABLE, rows, column_names=COLUMNS, column_type_names=TYPES)
            consumer.commit(asynchronous=False)
            stored += len(rows)
            rows.clear()
            if not first:  # what is loaded and joined once is no part of the rate
                first, began_s, began_cpu_s = stored, time.monotonic(), time.process_time()
    took = {"seconds": time.monotonic() - began_s, "cpu_s": time.process_time() - began_cpu_s}
    consumer.close()
    print(json.dumps({"rows": stored - first, **took}))


def _row(message: Any) -> tuple[Any, ...]:
    event = json.loads(message.value())
    return (
        event["job_id"],
        message.partition(),
        message.offset(),
        event["event_id"],
        event["type"],
        event["tenant"],
        datetime.fromisoformat(event["occurred_at"]),
        event["traceparent"] or "",
        json.dumps(event["data"]),
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
