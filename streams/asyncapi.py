"""The topics as an AsyncAPI 3.1 document, made from the table of topics and the Avro schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.catalog import Schema
from streams.topics import Topic, all_topics

VERSION = "3.1.0"
BINDING = "0.5.0"
AVRO = "application/vnd.apache.avro;version=1.9.0"
DEAD_LETTER = "DeadLetter"

Document = Mapping[str, Any]

_TEXT = {"type": "string"}
_HEADERS: Mapping[str, tuple[str, bool]] = {
    "ce_specversion": ("CloudEvents version, binary mode.", True),
    "ce_id": ("The record's `event_id`: the same when it is sent again.", True),
    "ce_type": ("Full name of the schema.", True),
    "ce_source": ("The role that wrote it, such as `/scrapestream/api`.", True),
    "ce_time": ("When it happened, ISO 8601.", True),
    "ce_subject": ("The job.", True),
    "content-type": ("`application/avro`.", True),
    "traceparent": ("W3C trace context of the job.", False),
}
_DEAD_LETTER_HEADERS: Mapping[str, tuple[str, bool]] = {
    "dlq_reason": ("Why nobody could process it.", True),
    "dlq_topic": ("The topic it stood in.", True),
    "dlq_partition": ("And its partition there.", True),
    "dlq_offset": ("And its offset there.", True),
}


def document(
    *, version: str, brokers: str, registry_url: str, replicas: int, retention_days: int
) -> Document:
    """Every topic with its settings, messages and keys.

    Args:
        version: of Scrapestream.
        brokers: ``host:port`` of a broker, the default of the server's variable.
        registry_url: the schema registry's Confluent API, without user or password.
        replicas: copies of each partition.
        retention_days: the setting ``event_retention_days``.
    """
    topics = all_topics()
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Scrapestream",
            "version": version,
            "description": (
                "What Scrapestream writes to Kafka. `job-events` and `scraped-items` are the "
                "source of truth. Values are Avro in the Confluent wire format (0x00, the "
                "schema's id as four bytes big-endian, the body), headers are CloudEvents in "
                "binary mode. Delivery is at least once: `event_id` tells a repeat."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/avro",
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "variables": {"brokers": {"default": brokers}},
                "bindings": {
                    "kafka": {
                        "schemaRegistryUrl": registry_url,
                        "schemaRegistryVendor": "confluent",
                        "bindingVersion": BINDING,
                    }
                },
            }
        },
        "channels": {topic.name: _channel(topic, replicas, retention_days) for topic in topics},
        "operations": {
            f"send-{topic.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": topic.doc,
            }
            for topic in topics
        },
        "components": {"messages": _messages(topics)},
    }


def _channel(topic: Topic, replicas: int, retention_days: int) -> Document:
    names = [schema.name for schema in topic.schemas] or [DEAD_LETTER]
    return {
        "address": topic.name,
        "description": topic.doc,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": replicas,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.kept_ms(retention_days),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _messages(topics: Sequence[Topic]) -> Document:
    found = {
        schema.name: _message(schema, topic.key) for topic in topics for schema in topic.schemas
    }
    keys = {topic.key for topic in topics if not topic.schemas}
    return {**found, DEAD_LETTER: _dead_letter(", ".join(sorted(keys)))}


def _message(schema: Schema, key: str) -> Document:
    avro = json.loads(schema.text)
    return {
        "name": schema.full_name,
        "title": schema.name,
        "summary": avro.get("doc", ""),
        "contentType": "application/avro",
        "headers": _headers(_HEADERS),
        "payload": {"schemaFormat": AVRO, "schema": avro},
        "bindings": {
            "kafka": {
                "key": {**_TEXT, "description": f"The record's `{key}`, UTF-8."},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicRecordNameStrategy",
                "bindingVersion": BINDING,
            }
        },
    }


def _dead_letter(key: str) -> Document:
    return {
        "name": DEAD_LETTER,
        "title": "A record put aside",
        "summary": "The original bytes and headers, and why.",
        "contentType": "application/octet-stream",
        "headers": _headers(_DEAD_LETTER_HEADERS),
        "bindings": {
            "kafka": {"key": {**_TEXT, "description": f"{key}."}, "bindingVersion": BINDING}
        },
    }


def _headers(headers: Mapping[str, tuple[str, bool]]) -> Document:
    return {
        "type": "object",
        "properties": {name: {**_TEXT, "description": doc} for name, (doc, _) in headers.items()},
        "required": [name for name, (_, is_required) in headers.items() if is_required],
    }
