"""The alert rules have the shape that Prometheus wants, and ask for metrics that we show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.world import open_world

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
OWN_METRIC = re.compile(r"\b((?:scraper|http|sse|live_view)_\w+)")
DURATION = re.compile(r"\d+(ms|s|m|h|d)")


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    return [rule for group in groups for rule in group["rules"]]


def test_each_rule_says_what_is_wrong_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert DURATION.fullmatch(rule.get("for", "0s"))
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")


async def test_each_rule_asks_for_metrics_that_the_api_shows(rules: list[dict[str, Any]]) -> None:
    async with open_world() as world:
        process = await world.start()
        shown = (await process.client.get("/metrics")).text
    names = {name for rule in rules for name in OWN_METRIC.findall(rule["expr"])}
    assert "scraper_dead_letters_total" in names
    for name in names:
        assert re.search(rf"^{name}[ {{]", shown, re.MULTILINE), name
