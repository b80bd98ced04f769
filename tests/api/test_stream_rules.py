"""What an SSE stream is besides its messages: headers, ids, limits, endings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.types import Message

import api.routes.stream
from api.metrics import ApiMetrics
from api.queue_view import QueueView
from api.sse import MOST_BEHIND, OpenStreams
from api.story import Story
from streams.domain.events import ProgressReported, ScrapeRequested
from streams.domain.fleet import Fleet
from streams.domain.ids import JobId
from streams.domain.recorded import Recorded
from tests.api.job_events import BEGAN, PLACE, completed, started
from tests.api.sse_client import all_messages, open_stream
from tests.api.world import World, eventually


async def test_the_header_wins_over_the_query(world: World) -> None:
    process = await world.serve()
    job_id = await world.run_job(process)
    ids = world.ids(job_id)
    path = f"/jobs/{job_id}/stream?last_event_id={ids[0]}"
    rest = await all_messages(process.client, path, ids[4])
    assert [message.id for message in rest] == ids[5:]


@pytest.mark.parametrize(
    "given", ["rubbish", "1", "-1", "1-", "1-2-3", "99-1", "0x1-1", "1-" + "9" * 30]
)
async def test_an_id_that_is_none_of_the_job_is_refused(world: World, given: str) -> None:
    process = await world.start()
    job_id = await process.submit()
    for answer in (
        await process.client.get(f"/jobs/{job_id}/stream", headers={"Last-Event-ID": given}),
        await process.client.get(f"/jobs/{job_id}/stream", params={"last_event_id": given}),
        await process.client.get(f"/jobs/{job_id}/events", params={"after": given}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_a_stream_has_headers_that_keep_proxies_from_holding_it(world: World) -> None:
    process = await world.serve()
    job_id = await process.submit()
    async with open_stream(process.client, f"/jobs/{job_id}/stream") as stream:
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-accel-buffering"] == "no"
    head = await process.client.head(f"/jobs/{job_id}/stream")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_shutdown_ends_streams_at_once(world: World) -> None:
    process = await world.serve()
    job_id = await process.submit()
    async with open_stream(process.client, f"/jobs/{job_id}/stream") as stream:
        messages = aiter(stream)
        await anext(messages)
        began = time.monotonic()
        assert process.stop is not None
        assert process.serving is not None
        process.stop.set()
        # The stream ends as it should, not by a cut: the client comes back with its last id.
        with pytest.raises(StopAsyncIteration):
            await anext(messages)
        await process.serving
    assert time.monotonic() - began < 5  # the limit is ``shutdown_s``: 10


async def test_a_client_that_goes_away_is_forgotten(world: World) -> None:
    process = await world.serve()
    job_id = await process.submit()
    streams = process.app.state.api.streams
    async with open_stream(process.client, f"/jobs/{job_id}/stream") as stream:
        await anext(aiter(stream))
        assert len(streams) == 1
    await eventually(lambda: len(streams) == 0)
    page = (await process.client.get("/metrics")).text
    assert "sse_streams_connected 0.0" in page
    assert "sse_streams_total 1.0" in page


async def test_a_live_client_that_lags_too_far_is_let_go_and_can_resume(world: World) -> None:
    job_id = JobId("a" * 32)
    live = world.live_view()
    queue = QueueView(live.memory, Fleet(), live.durations)
    story, streams = Story(), OpenStreams(ApiMetrics(live, queue), queue)
    story.tell(_recorded(job_id, 0))
    listening = streams.listen(story, after=-1)
    assert (await anext(listening)).startswith(b":")
    assert b"id: 0-0\n" in await anext(listening)
    assert (await anext(listening)).startswith(b"event: queue\n")
    waiting = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0)  # until it waits: it is live now
    for offset in range(1, MOST_BEHIND + 3):
        story.tell(_recorded(job_id, offset))
    with pytest.raises(StopAsyncIteration):
        await waiting
    again = [chunk async for chunk in _until_quiet(streams, story)]
    assert b"".join(again).count(b"data: ") == MOST_BEHIND + 2


async def test_pings_are_no_messages_for_other_clients(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsers that dispatch at every blank line once they have an id must not see one."""
    monkeypatch.setattr(api.routes.stream, "PING_S", 0.01)
    process = await world.serve()
    job_id = await process.submit()
    got: list[str] = []
    async with process.client.stream("GET", f"/jobs/{job_id}/stream") as response:
        async for event in httpx2.EventSource(response):
            assert event.data
            if event.event == "queue":
                continue
            got.append(event.id)
            if len(got) == 1:
                await asyncio.sleep(0.1)  # ten pings
                await world.append(job_id, *started(), *completed(0))
    assert got == world.ids(job_id)


async def test_a_client_that_takes_nothing_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.routes.stream, "SEND_TIMEOUT_S", 0.05)
    process = await world.start()
    job_id = await process.submit()
    sent: list[str] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()  # as with a full socket

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/jobs/{job_id}/stream",
        "raw_path": b"",
        "query_string": b"",
        "headers": [],
        "server": ("127.0.0.1", 80),
    }
    async with asyncio.timeout(2):
        await process.app(scope, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert len(process.app.state.api.streams) == 0


async def _until_quiet(streams: OpenStreams, story: Story) -> AsyncIterator[bytes]:
    streams.close()
    async for chunk in streams.listen(story, after=0):
        yield chunk


def _recorded(job_id: JobId, offset: int) -> Recorded:
    event = (
        ProgressReported(attempt=1, worker="w", stage="scrolling", items_seen=offset)
        if offset
        else ScrapeRequested(kind="google_reviews", url=PLACE)
    )
    return Recorded(
        job_id=job_id,
        tenant="public",
        event_id=str(offset),
        occurred_at=BEGAN,
        partition=0,
        offset=offset,
        event=event,
    )
