"""``/health`` and ``/metrics``: what operators and Prometheus see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import api.health
from tests.api.job_events import completed, progress, started
from tests.api.world import Process, World, eventually


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.health, "FRESH_S", 0.02)


async def get(process: Process, path: str) -> tuple[int, dict[str, Any]]:
    answer = await process.client.get(path)
    return answer.status_code, answer.json()


async def samples(process: Process) -> dict[str, float]:
    """Every sample by its name and labels."""
    page = (await process.client.get("/metrics")).text
    return {
        sample.name + "".join(f",{name}={value}" for name, value in sample.labels.items()): (
            sample.value
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_a_whole_system_is_healthy(world: World) -> None:
    process = await world.start()
    assert await get(process, "/health") == (200, {"status": "healthy"})
    assert await get(process, "/health/live") == (200, {"status": "alive"})
    assert await get(process, "/health/ready") == (200, {"status": "ready"})
    status, detailed = await get(process, "/health/detailed")
    assert (status, detailed["status"]) == (200, "healthy")
    for part in ("kafka", "clickhouse"):
        condition = detailed["dependencies"][part]
        assert condition["healthy"] is True
        assert condition["latency_ms"] >= 0
    assert detailed["workers"] == {"active": 1}
    assert 0 <= detailed["disk"]["usage_percent"] <= 100


@pytest.mark.parametrize("part", ["kafka", "clickhouse"])
async def test_a_part_that_is_away_is_named_and_the_process_lives(world: World, part: str) -> None:
    process = await world.start()
    twin = world.broker if part == "kafka" else world.store
    twin.away = True
    health = process.app.state.api.health
    await eventually(lambda: health.is_away(part))
    answer = await process.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    assert part in answer.json()["detail"]
    assert await get(process, "/health") == (200, {"status": "degraded"})
    assert await get(process, "/health/live") == (200, {"status": "alive"})
    _, detailed = await get(process, "/health/detailed")
    assert detailed["status"] == "degraded"
    assert detailed["dependencies"][part]["healthy"] is False
    assert detailed["dependencies"][part]["error"]
    twin.away = False
    await eventually(lambda: not health.is_away(part))
    assert await get(process, "/health/ready") == (200, {"status": "ready"})


async def test_without_workers_the_system_is_degraded(world: World) -> None:
    world.workers = 0
    process = await world.start()
    assert await get(process, "/health") == (200, {"status": "degraded"})
    assert await get(process, "/health/ready") == (200, {"status": "ready"})


async def test_a_check_that_hangs_is_a_part_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.health, "CHECK_TIMEOUT_S", 0.05)

    async def hang() -> None:
        await asyncio.Event().wait()

    board = api.health.HealthBoard({"kafka": hang}, world._live_workers)  # noqa: SLF001 - a hand
    conditions = await board.look()
    assert conditions.parts["kafka"].healthy is False
    assert "within" in (conditions.parts["kafka"].error or "")


async def test_a_crowd_that_asks_for_health_costs_one_check(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.health, "FRESH_S", 60.0)
    process = await world.start()
    await get(process, "/health")
    before = world.kafka_checks
    await asyncio.gather(*(get(process, "/health/detailed") for _ in range(100)))
    assert world.kafka_checks == before


async def test_the_metrics_count_what_the_log_says(world: World) -> None:
    process = await world.start()
    queued, running, ended = [await process.submit() for _ in range(3)]
    await world.append(running, *started(), progress(3))
    await world.append(ended, *started(), progress(9), *completed(9))
    await world.deliver(ok=False)
    await world.deliver(ok=True)
    await process.is_caught_up()
    await process.client.delete(f"/jobs/{queued}")
    found = await samples(process)
    assert found["scraper_jobs_total,status=submitted"] == 3
    assert found["scraper_jobs_total,status=completed"] == 1
    assert found["scraper_jobs_total,status=failed"] == 0
    assert found["scraper_active_jobs"] == 1
    assert found["scraper_queue_size"] == 1
    assert found["scraper_reviews_count_sum"] == 9
    assert found["scraper_duration_seconds_count"] == 1
    assert found["scraper_duration_seconds_sum"] == 3
    assert found["scraper_duration_seconds_bucket,le=2.0"] == 0
    assert found["scraper_duration_seconds_bucket,le=5.0"] == 1
    assert found["scraper_webhooks_sent_total,success=true"] == 1
    assert found["scraper_webhooks_sent_total,success=false"] == 1
    assert found["http_requests_total,method=POST,route=/scrape,status=202"] == 3
    assert found["http_requests_total,method=DELETE,route=/jobs/{job_id},status=202"] == 1


async def test_an_event_that_comes_twice_counts_once(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started(), *completed(2), *completed(2))
    await process.is_caught_up()
    found = await samples(process)
    assert found["scraper_jobs_total,status=completed"] == 1
    assert found["scraper_queue_size"] == found["scraper_active_jobs"] == 0


async def test_each_app_has_metrics_of_its_own(world: World) -> None:
    first, second = await world.start(), await world.start()
    await first.client.get("/")
    assert "http_requests_total,method=GET,route=/,status=200" in await samples(first)
    assert "http_requests_total,method=GET,route=/,status=200" not in await samples(second)
