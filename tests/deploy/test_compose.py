"""The compose file is valid, and starts what the settings need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SPECIFICATION = ROOT / "tests" / "data" / "compose-spec.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.kafka.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_it_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, json.loads(SPECIFICATION.read_text()))


def test_the_specification_would_notice_a_mistake(compose: dict[str, Any]) -> None:
    broken = {**compose, "services": {"kafka": {"image": 5}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, json.loads(SPECIFICATION.read_text()))


def test_each_service_is_pinned_checked_kept_and_on_loopback(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"kafka", "registry", "clickhouse"}
    for name, service in compose["services"].items():
        assert ":" in service["image"]
        assert not service["image"].endswith(":latest"), name
        assert service["healthcheck"]["test"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        volumes = {volume.partition(":")[0] for volume in service["volumes"]}
        assert volumes <= set(compose["volumes"]), name
