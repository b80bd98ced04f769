"""The AsyncAPI document is valid, and says what is really there."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]
from typer.testing import CliRunner

from schemas.catalog import all_schemas
from scrapestream.cli.app import app
from scrapestream.cli.asyncapi import without_user
from streams.adapters.records import Records
from streams.asyncapi import document
from streams.domain.events import ScrapeRequested
from streams.domain.recorded import new_event
from streams.settings import Settings
from streams.topics import all_topics
from tests.api.job_events import BEGAN
from tests.api.world import NOBODY, World, open_world

SPECIFICATION = json.loads(
    (Path(__file__).parents[1] / "data" / "asyncapi-3.1.0.json").read_text("utf-8")
)


def made(**settings: Any) -> Any:
    given = {
        "version": "1.2.3",
        "brokers": "127.0.0.1:9092",
        "registry_url": "http://127.0.0.1:8081",
        "replicas": 1,
        "retention_days": 0,
        **settings,
    }
    return json.loads(json.dumps(document(**given)))


def test_it_follows_the_specification() -> None:
    jsonschema.validate(made(), SPECIFICATION)


def test_the_specification_would_notice_a_mistake() -> None:
    def broken_payload(wrong: Any) -> None:
        wrong["components"]["messages"]["GoogleReview"]["payload"]["schema"]["type"] = "recod"

    def broken_topic(wrong: Any) -> None:
        wrong["channels"]["job-events"]["bindings"]["kafka"]["partitions"] = "many"

    for spoil in (broken_payload, broken_topic):
        wrong = copy.deepcopy(made())
        spoil(wrong)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SPECIFICATION)


def test_every_reference_leads_somewhere() -> None:
    whole = made()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [each for inner in value.values() for each in references(inner)]
        return (
            [each for inner in value for each in references(inner)]
            if isinstance(value, list)
            else []
        )

    found = references(whole)
    assert len(found) > len(all_schemas())
    for reference in found:
        target = whole
        for name in reference.removeprefix("#/").split("/"):
            target = target[name]


def test_every_topic_and_every_schema_is_in_it() -> None:
    whole = made()
    assert list(whole["channels"]) == [topic.name for topic in all_topics()]
    for topic in all_topics():
        names = set(whole["channels"][topic.name]["messages"])
        assert names == ({schema.name for schema in topic.schemas} or {"DeadLetter"})
        assert {"$ref": f"#/channels/{topic.name}"} in [
            operation["channel"] for operation in whole["operations"].values()
        ]
    messages = whole["components"]["messages"]
    for name, schema in all_schemas().items():
        assert messages[name]["payload"]["schema"] == json.loads(schema.text)
        assert messages[name]["name"] == schema.full_name


def test_settings_change_what_they_change() -> None:
    whole = made(replicas=3, retention_days=30)
    kafka = {name: channel["bindings"]["kafka"] for name, channel in whole["channels"].items()}
    assert {binding["replicas"] for binding in kafka.values()} == {3}
    kept_ms = {name: each["topicConfiguration"]["retention.ms"] for name, each in kafka.items()}
    assert kept_ms["job-events"] == 30 * 86_400_000
    assert (kept_ms["scrape-tasks-high"], kept_ms["scrape-dlq"]) == (7 * 86_400_000, -1)


async def test_a_record_has_the_headers_that_are_told() -> None:
    async with open_world() as world:
        headers = made()["components"]["messages"]["ScrapeRequested"]["headers"]
        records = Records(world.codec, "/scrapestream/test")
        event = ScrapeRequested(kind="google_reviews", url="https://x/")
        for traceparent in (None, "00-" + "1" * 32 + "-" + "2" * 16 + "-01"):
            new = new_event(NOBODY, "public", event, BEGAN, traceparent=traceparent)  # type: ignore[arg-type]
            sent = {name: value.decode() for name, value in records.event(new).headers}
            jsonschema.validate(sent, {**headers, "additionalProperties": False})


async def test_the_api_serves_it_without_the_addresses_of_its_parts() -> None:
    async with open_world() as world:
        process = await start(world)
        answer = await process.client.get("/asyncapi.json")
        jsonschema.validate(answer.json(), SPECIFICATION)
        assert "secret-broker" not in answer.text


async def start(world: World) -> Any:
    return await world.start(kafka_url="kafka://secret-broker:9092")


def test_the_command_prints_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRAPESTREAM_KAFKA_URL", "kafka://broker-1:9092,broker-2:9092")
    monkeypatch.setenv("SCRAPESTREAM_REGISTRY_URL", "https://me:word@registry.example:8081/x")
    printed = CliRunner().invoke(app, ["asyncapi"]).stdout
    as_json = json.loads(CliRunner().invoke(app, ["asyncapi", "--json"]).stdout)
    assert yaml.safe_load(printed) == as_json
    jsonschema.validate(as_json, SPECIFICATION)
    server = as_json["servers"]["kafka"]
    assert server["variables"]["brokers"]["default"] == "broker-1:9092"
    assert server["bindings"]["kafka"]["schemaRegistryUrl"] == "https://registry.example:8081/x"
    assert without_user("http://127.0.0.1:8081") == "http://127.0.0.1:8081"


def test_topics_and_settings_are_what_the_broker_has(parts: Settings) -> None:
    admin = AdminClient({"bootstrap.servers": ",".join(parts.brokers())})
    topics = admin.list_topics(timeout=20).topics
    channels = made(replicas=parts.replication_factor)["channels"]
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in channels]
    answers = {one.name: each.result(20) for one, each in admin.describe_configs(asked).items()}
    for name, channel in channels.items():
        told = channel["bindings"]["kafka"]
        partitions = topics[name].partitions
        assert told["partitions"] == len(partitions), name
        assert {told["replicas"]} == {len(each.replicas) for each in partitions.values()}
        config = told["topicConfiguration"]
        assert str(config["retention.ms"]) == answers[name]["retention.ms"].value
        assert ",".join(config["cleanup.policy"]) == answers[name]["cleanup.policy"].value
