"""The ids that Kafka gives to topics: a topic that was deleted and made anew has another one.

aiokafka speaks the metadata request up to version 5, ids came with 10: the request of version 12
stands here, in its terms.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

ID_BYTES = 16
NO_ID = bytes(ID_BYTES)


class TopicId:
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """As they are."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        """As they are."""
        return data.read(ID_BYTES)

    @classmethod
    def repr(cls, value: bytes) -> str:
        """For logs."""
        return value.hex()


TEXT = CompactString("utf-8")
TAGS = ("tags", TaggedFields)
NUMBERS = CompactArray(Int32)


class MetadataResponse(Response):  # type: ignore[misc]
    """Version 12."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", TEXT), ("port", Int32), ("rack", TEXT), TAGS),
        ),
        ("cluster_id", TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", TEXT),
                ("topic_id", TopicId),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", NUMBERS),
                        ("isr", NUMBERS),
                        ("offline", NUMBERS),
                        TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                TAGS,
            ),
        ),
        TAGS,
    )


class MetadataRequestV12(RequestStruct):  # type: ignore[misc]
    """Topics by name."""

    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", TopicId), ("name", TEXT), TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        TAGS,
    )


class TopicIdsRequest(Request[MetadataRequestV12]):  # type: ignore[misc]
    """Asks for the ids of ``names``; raises NotImplementedError with brokers before Kafka 3.1."""

    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: Any) -> Any:
        """The request itself."""
        return request_struct_class([(NO_ID, name, {}) for name in self._names], False, False, {})


def topic_ids_in(response: Any) -> dict[str, str]:
    """The id of each topic of an answer, in hex; topics that are not there are left out."""
    return {
        topic["name"]: topic["topic_id"].hex()
        for topic in response.to_object()["topics"]
        if not topic["error_code"] and topic["topic_id"] != NO_ID
    }
