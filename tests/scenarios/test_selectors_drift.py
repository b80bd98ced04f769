"""The site changes its class names: everybody who may look sees it, and no review is lost."""

from __future__ import annotations

import json
import subprocess

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.support.system import COMMAND, System, eventually

REVIEWS = 25
FIRST = "author_name .d4r55"
FALLBACK = "author_name div[data-review-id][aria-label]"


def test_a_job_says_which_selectors_served(system: System) -> None:
    before = {key: used_in_all_workers(system, key) for key in (FIRST, FALLBACK)}
    job_id = system.submit(system.place(REVIEWS, classes="author"))
    job = system.ended(job_id)
    assert (job["outcome"], job["reviews_count"]) == ("completed", REVIEWS)
    assert sum(job["sources"].values()) == REVIEWS

    (reported,) = (one for one in system.events(job_id) if one["type"] == "ExtractionReported")
    assert reported["author"] == "worker"
    assert reported["data"]["sources"] == job["sources"]
    selectors = reported["data"]["selectors"]
    assert selectors[FALLBACK] >= REVIEWS
    assert FIRST not in selectors

    stream = system.call("GET", f"/jobs/{job_id}/stream").text
    told = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    (message,) = (one for one in told if one["type"] == "ExtractionReported")
    assert (message["sources"], message["reviews_loaded"]) == (job["sources"], REVIEWS)

    arguments = ["events", job_id, "--type", "ExtractionReported", "--data-dir"]
    shown = subprocess.run(
        [*COMMAND, *arguments, str(system.data_dir)], capture_output=True, text=True, check=True
    )
    assert "ExtractionReported" in shown.stdout

    def counted() -> bool:  # the worker counts after the attempt's last event
        return used_in_all_workers(system, FALLBACK) >= before[FALLBACK] + REVIEWS

    assert eventually(counted, within_s=10, what="the metric")
    assert used_in_all_workers(system, FIRST) == before[FIRST]
    logs = "".join(path.read_text() for path in system.data_dir.glob("logs/worker-*.log"))
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("job_id") == job_id]
    assert [line["selectors"] for line in mine if line["event"] == "selectors served"] == [
        selectors
    ]
    warned = [line for line in mine if line["event"] == "a fallback selector is in use"]
    assert f"author_name {FALLBACK.partition(' ')[2]}" in {
        f"{line['field']} {line['selector']}" for line in warned
    }
    assert {line["level"] for line in warned} == {"warning"}


def used_in_all_workers(system: System, key: str) -> float:
    """How often a selector has served, by the metrics of every worker of the stack."""
    field, _, selector = key.partition(" ")
    ports = json.loads((system.data_dir / "ports.json").read_text())
    total = 0.0
    for name, port in ports.items():
        if not name.startswith("metrics-worker-"):
            continue
        page = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=10).raise_for_status().text
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                labels = {"kind": "google_reviews", "field": field, "selector": selector}
                if sample.name == "scraper_selector_used_total" and sample.labels == labels:
                    total += sample.value
    return total
