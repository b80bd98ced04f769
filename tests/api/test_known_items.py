"""``stop_at_known`` without ids: those of earlier jobs at the same URL are taken."""

from __future__ import annotations

from streams.domain.events import ScrapeRequested
from streams.domain.ids import JobId
from streams.known_items import MOST_IDS
from tests.api.job_events import PLACE
from tests.api.test_reviews_resource import finished
from tests.api.world import World

WISH = {"sort": "newest", "stop_at_known": "true"}


def options_of(world: World, job_id: JobId) -> dict[str, str]:
    """The options that went into the log."""
    event = world.history(job_id)[0].event
    assert isinstance(event, ScrapeRequested)
    return dict(event.options)


async def test_what_earlier_jobs_have_found_is_known(world: World) -> None:
    process = await world.start()
    await finished(world, process, MOST_IDS + 10)
    again = await process.submit(options=WISH)
    told = options_of(world, again)
    assert told.keys() == {"sort", "stop_at_known", "known_ids"}
    known = told["known_ids"].split(",")
    assert len(known) == len(set(known)) == MOST_IDS
    assert all(each.startswith("review-") for each in known)


async def test_a_url_that_was_never_scraped_is_scraped_whole(world: World) -> None:
    process = await world.start()
    await finished(world, process, 3)
    first = await process.submit(f"{PLACE}/elsewhere", options=WISH)
    assert options_of(world, first) == {"sort": "newest"}


async def test_a_client_with_ids_of_its_own_is_taken_at_its_word(world: World) -> None:
    process = await world.start()
    await finished(world, process, 3)
    own = await process.submit(options={**WISH, "known_ids": "mine"})
    assert options_of(world, own)["known_ids"] == "mine"


async def test_the_same_request_with_a_key_is_the_same_job_though_more_is_known(
    world: World,
) -> None:
    process = await world.start()
    body = {"url": PLACE, "options": WISH}
    headers = {"Idempotency-Key": "again-and-again"}
    first = await process.client.post("/scrape", json=body, headers=headers)
    await finished(world, process, 3)
    second = await process.client.post("/scrape", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["job_id"] == second.json()["job_id"]


async def test_a_store_that_is_away_is_told(world: World) -> None:
    process = await world.start()
    world.store.away = True
    answer = await process.client.post("/scrape", json={"url": PLACE, "options": WISH})
    assert answer.status_code == 503
    plain = await process.client.post("/scrape", json={"url": PLACE})
    assert plain.status_code == 202
