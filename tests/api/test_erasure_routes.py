"""``/erasures``: closed without a token; with it, what the command does, on real parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httpx2
import pytest

from api.erasure_desk import ErasureDesk
from scrapestream.erasing import open_erasure_orders
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.domain.ids import new_job_id
from streams.settings import Settings
from tests.api.world import World
from tests.streams.test_erasing import EVENTS, author_of, erasing, place_of, scraped, texts
from tests.streams.test_materializer import materializing, stored, story

TOKEN = "a-token-of-the-operator"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", {}),
        ("", {"Authorization": "Bearer "}),
        (TOKEN, {}),
        (TOKEN, {"Authorization": f"Basic {TOKEN}"}),
        (TOKEN, {"Authorization": f"Bearer {TOKEN}x"}),
        (TOKEN, {"Authorization": "Bearer the-token-of-the-keys"}),
    ],
)
async def test_without_the_token_nobody_erases_or_looks(
    world: World, token: str, shown: dict[str, str]
) -> None:
    process = await world.start(erasures_token=token, keys_token="the-token-of-the-keys")
    for method, path in (("POST", "/erasures"), ("GET", "/erasures"), ("GET", "/erasures/e")):
        answer = await process.client.request(method, path, headers=shown)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "SCRAPESTREAM_ERASURES_TOKEN" in answer.json()["detail"]


@asynccontextmanager
async def operator(world: World, parts: Settings, *, works: bool = True) -> AsyncIterator[Any]:
    """An API process whose erasures are real; one that does not work was lost before it could."""
    async with open_log(parts, "api") as log:
        desk = ErasureDesk(log.erasures, partial(open_erasure_orders, parts, log))
        process = await world.start(
            erasures_token=TOKEN, change=lambda given: replace(given, erasure_desk=desk)
        )
        process.client.headers.update(SHOWN)
        running = asyncio.create_task(desk.run() if works else asyncio.sleep(0))
        try:
            yield process.client
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def ended(client: httpx2.AsyncClient, location: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = (await client.get(location)).json()
            if found["status"] != "running":
                return found
            await asyncio.sleep(0.05)


@pytest.mark.timeout(170)
async def test_a_place_is_forgotten_and_the_proof_is_told_by_every_process(
    world: World, parts: Settings
) -> None:
    job_id, open_id = new_job_id(), new_job_id()
    place = {"place": place_of(job_id)}
    async with materializing(parts), open_clickhouse(parts) as clickhouse:
        await scraped(parts, job_id, author_of(job_id))
        async with open_log(parts, "worker") as log:
            await log.event_log.append(story(open_id, 1)[:2])
        await stored(clickhouse, [job_id], EVENTS)
        await stored(clickhouse, [open_id], 2)
        async with operator(world, parts) as client:
            for body, status, code in (
                ({}, 422, "invalid_request"),
                ({**place, "job": job_id}, 422, "invalid_request"),
                ({"author": "Ada"}, 422, "invalid_request"),
                ({"job": new_job_id()}, 404, "unknown_job"),
                ({"place": "https://maps.test/nowhere"}, 404, "unknown_job"),
                ({"job": open_id}, 409, "job_open"),
            ):
                refused = await client.post("/erasures", json=body)
                assert (refused.status_code, refused.json()["code"]) == (status, code)
            seen = await client.post("/erasures", json={**place, "dry_run": True})
            assert seen.status_code == 200
            assert (seen.json()["jobs"], seen.json()["rows"]["items_v1"]) == (1, 3)
            assert await texts(clickhouse, job_id), "to look is not to erase"

            asked = await client.post("/erasures", json=place)
            assert asked.status_code == 202, asked.text
            location = asked.headers["location"]
            assert location.endswith(f"/erasures/{asked.json()['erasure_id']}")
            done = await ended(client, location)
            assert (done["status"], done["subject"], done["jobs"]) == ("completed", "place", 1)
            assert done["removed"]["items_v1"] == 3
            assert done["needles"]
            assert not sum(done["remaining"].values())
            assert place_of(job_id) not in str(done)
            assert not await texts(clickhouse, job_id)
        async with operator(world, parts) as client:
            told = (await client.get(location)).json()
            assert told == {**done, "needles": None}
            assert (await client.get("/erasures?limit=1")).json()["erasures"] == [told]
            unknown = await client.get("/erasures/e")
            assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_erasure")


@pytest.mark.timeout(170)
async def test_an_erasure_whose_process_was_lost_stays_open_until_it_is_resumed(
    world: World, parts: Settings
) -> None:
    author = author_of(new_job_id())
    async with operator(world, parts, works=False) as client:
        asked = await client.post("/erasures", json={"author": author})
        assert (asked.status_code, asked.json()["status"]) == (202, "running")
        location = asked.headers["location"]
    async with operator(world, parts) as client, open_clickhouse(parts) as clickhouse:
        assert (await client.get(location)).json()["status"] == "open"
        async with materializing(parts), erasing(parts, clickhouse) as eraser:
            assert asked.json()["erasure_id"] in eraser.open_ids()
            await eraser.carry_out(asked.json()["erasure_id"])
        assert (await client.get(location)).json()["status"] == "completed"
