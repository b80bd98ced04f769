"""``GET /jobs/{id}/reviews`` and ``/events``: all of it, or page by page."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

import api.finding
import api.routes.reviews
from streams.domain.ids import JobId
from tests.api.job_events import completed, progress, started
from tests.api.world import Process, World


async def finished(world: World, process: Process, count: int) -> JobId:
    """A job that has found ``count`` reviews."""
    job_id = await process.submit()
    await world.append(job_id, *started())
    items = await world.put_items(job_id, count)
    await world.append(job_id, progress(count, items=items), *completed(count, items))
    await process.is_caught_up()
    return job_id


def names(reviews: list[dict[str, Any]]) -> list[str]:
    return [review["review_id"] for review in reviews]


async def test_without_a_limit_all_reviews_come_over_several_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.routes.reviews, "REVIEWS_A_PAGE", 10)
    process = await world.start()
    job_id = await finished(world, process, 25)
    answer = await process.client.get(f"/jobs/{job_id}/reviews")
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["job_id", "status", "reviews_count", "complete", "reviews", "next"]
    assert (body["status"], body["reviews_count"], body["complete"]) == ("completed", 25, True)
    assert body["next"] is None
    assert names(body["reviews"]) == [f"review-{number}" for number in range(1, 26)]
    first = body["reviews"][0]
    assert first["text"] == 'Über 1 "quoted"\n'
    assert first["published_at"] == "2026-11-22T12:00:00.250000Z"


async def test_pages_joined_are_all_reviews_each_once(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, 23)
    path, got, pages = f"/jobs/{job_id}/reviews?limit=5", [], 0
    while path:
        answer = await process.client.get(path)
        body = answer.json()
        got += names(body["reviews"])
        pages += 1
        assert ("link" in answer.headers) is (body["next"] is not None)
        link = answer.headers.get("link", "")
        assert link == "" or link.endswith('>; rel="next"')
        path = link.partition(">")[0].removeprefix("<")
        assert body["next"] is None or body["next"] in path
    assert got == [f"review-{number}" for number in range(1, 24)]
    assert pages == 5


async def test_a_cursor_alone_gives_the_next_thousand(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, 7)
    first = (await process.client.get(f"/jobs/{job_id}/reviews?limit=3")).json()
    params = {"cursor": first["next"]}
    rest = (await process.client.get(f"/jobs/{job_id}/reviews", params=params)).json()
    assert names(rest["reviews"]) == [f"review-{number}" for number in range(4, 8)]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=10001",
        "limit=x",
        "limit=-1",
        "cursor=x",
        "cursor=",
        "cursor=bm8",
        "cursor=WzEse31d",
    ],
)
@pytest.mark.parametrize("resource", ["/jobs", "/jobs/{}/reviews"])
async def test_limits_and_cursors_that_are_none_are_refused(
    world: World, resource: str, query: str
) -> None:
    process = await world.start()
    path = resource.format(await process.submit())
    answer = await process.client.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_an_open_job_shows_what_is_there_and_says_that_it_is_not_all(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    body = (await process.client.get(f"/jobs/{job_id}/reviews")).json()
    assert (body["complete"], body["reviews"]) == (False, [])
    await world.append(job_id, *started())
    items = await world.put_items(job_id, 4)
    await world.append(job_id, progress(4, items=items))
    await process.is_caught_up()
    body = (await process.client.get(f"/jobs/{job_id}/reviews")).json()
    assert (body["complete"], len(body["reviews"])) == (False, 4)


async def test_an_item_that_two_attempts_found_is_one_review(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started())
    await world.put_items(job_id, 6)
    items = await world.put_items(job_id, 6, first=4)
    await world.append(job_id, *completed(9, items))
    await process.is_caught_up()
    body = (await process.client.get(f"/jobs/{job_id}/reviews")).json()
    assert len(body["reviews"]) == len(set(names(body["reviews"]))) == 9


async def test_as_soon_as_the_job_says_completed_its_reviews_are_all_there(world: World) -> None:
    process = await world.start()
    world.store.is_held = True  # the materializer is late
    job_id = await finished(world, process, 12)
    asking = asyncio.create_task(process.client.get(f"/jobs/{job_id}/reviews"))
    await asyncio.sleep(0.05)  # time to answer too early
    assert not asking.done()
    world.store.is_held = False
    body = (await asking).json()
    assert (body["complete"], len(body["reviews"])) == (True, 12)


async def test_reviews_that_are_not_stored_in_time_are_a_503_and_not_half_a_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.finding, "ITEMS_WITHIN_S", 0.1)
    process = await world.start()
    world.store.is_held = True
    job_id = await finished(world, process, 3)
    answer = await process.client.get(f"/jobs/{job_id}/reviews")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
    assert answer.headers["retry-after"]


async def test_reviews_while_the_store_is_away_are_a_503(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, 3)
    world.store.away = True
    answer = await process.client.get(f"/jobs/{job_id}/reviews")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")


async def test_history_is_read_as_json_page_by_page_or_a_line_an_event(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, 3)
    log = world.history(job_id)
    path = f"/jobs/{job_id}/events"
    whole = (await process.client.get(path)).json()
    assert [event["type"] for event in whole["events"]] == [
        type(recorded.event).__name__ for recorded in log
    ]
    first = whole["events"][0]
    assert (first["seq"], first["author"], first["job_id"]) == (1, "api", job_id)
    assert first["data"]["kind"] == "google_reviews"
    for name in ("after", "cursor"):
        got, params = [], {"limit": "2"}
        while True:
            answer = await process.client.get(path, params=params)
            body = answer.json()
            got += body["events"]
            if body["next"] is None:
                break
            assert urlsplit(answer.headers["link"].split(">")[0][1:]).path == path
            params[name] = body["next"]
        assert got == whole["events"]
    lines = await process.client.get(path, headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == whole["events"]
