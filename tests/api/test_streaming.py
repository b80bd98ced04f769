"""``GET /jobs/{id}/stream``: a stream, wherever it is cut, is the log."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from api.job_memory import JobMemory
from api.story import Story
from streams.domain.recorded import Recorded
from tests.api.job_events import completed, described, progress, started
from tests.api.sse_client import all_messages, open_stream
from tests.api.world import Process, World, eventually


async def test_a_finished_job_is_replayed_and_the_stream_closes(world: World) -> None:
    process = await world.serve()
    job_id = await world.run_job(process, steps=4)
    messages = await all_messages(process.client, f"/jobs/{job_id}/stream")
    assert [message.id for message in messages] == world.ids(job_id)
    assert {message.event for message in messages} == {"message"}
    assert [message.data["seq"] for message in messages] == list(range(1, len(messages) + 1))
    scrolling = messages[5].data
    assert scrolling["type"] == "ProgressReported"
    assert (scrolling["stage"], scrolling["status"]) == ("scrolling", "processing")
    assert (scrolling["reviews_loaded"], scrolling["progress"]) == (20, 50)
    last = messages[-1].data
    assert (last["stage"], last["total"], last["progress"]) == ("completed", 40, 100)


async def test_messages_come_while_the_job_runs(world: World) -> None:
    process = await world.serve()
    job_id = await process.submit()
    async with open_stream(process.client, f"/jobs/{job_id}/stream") as stream:
        messages = aiter(stream)
        assert (await anext(messages)).data["stage"] == "queued"
        assert stream.retry_ms == 2_000
        await world.append(job_id, *started())
        assert (await anext(messages)).data["type"] == "AttemptScheduled"
        assert (await anext(messages)).data["stage"] == "starting"
        await world.append(job_id, progress(7))
        assert (await anext(messages)).data["reviews_loaded"] == 7
        await world.append(job_id, *completed(7))
        assert (await anext(messages)).data["stage"] == "finishing"
        assert (await anext(messages)).data["stage"] == "completed"
        with pytest.raises(StopAsyncIteration):
            await anext(messages)


async def test_a_stream_cut_after_any_event_and_resumed_is_the_log(world: World) -> None:
    process = await world.serve()
    job_id = await world.run_job(process)
    path = f"/jobs/{job_id}/stream"
    whole = await all_messages(process.client, path)
    assert [message.id for message in whole] == world.ids(job_id)
    other = await world.serve()  # a process that was not there then
    for cut in range(1, len(whole)):
        last_id = whole[cut - 1].id
        for at in (process, other):
            rest = await all_messages(at.client, path, last_id)
            assert whole[:cut] + rest == whole
        by_query = await all_messages(process.client, f"{path}?last_event_id={last_id}")
        assert whole[:cut] + by_query == whole


async def test_a_running_stream_cut_anywhere_and_resumed_elsewhere_is_the_log(
    world: World,
) -> None:
    first = await world.serve()
    job_id = await first.submit()
    await world.append(job_id, *started(), described(100))
    await world.store.ping()
    world.store.is_held = True
    await world.append(job_id, progress(1), progress(2))
    # This one knows the job from the store, with the last two events only in the log.
    second = await world.serve()
    got, last_id, path = [], None, f"/jobs/{job_id}/stream"
    for number in range(3, 12):
        process = first if number % 2 else second
        async with open_stream(process.client, path, last_id) as stream:
            async for message in stream:
                got.append(message)
                last_id = message.id
                if message.data["reviews_loaded"] == number - 1:
                    break
        await world.append(job_id, progress(number))
    await world.append(job_id, *completed(11))
    got += await all_messages(second.client, path, last_id)
    assert [message.id for message in got] == world.ids(job_id)
    assert got == await all_messages(first.client, path)
    assert got == await all_messages(second.client, path)


async def test_a_long_job_in_little_memory_still_streams_all_of_it(world: World) -> None:
    memory = JobMemory(most_events=150)
    process = await world.serve(memory=memory)
    job_id = await process.submit()
    await world.append(job_id, *started(), *(progress(number) for number in range(1, 300)))
    await process.is_caught_up()
    await eventually(lambda: memory.events_count <= 150)
    messages = await anext_n(process, f"/jobs/{job_id}/stream", len(world.history(job_id)))
    assert messages == world.ids(job_id)
    answer = await process.client.get(f"/jobs/{job_id}/events")
    assert [event["id"] for event in answer.json()["events"]] == world.ids(job_id)


async def anext_n(process: Process, path: str, count: int) -> list[str]:
    """The ids of the first ``count`` messages."""
    async with open_stream(process.client, path) as stream:
        messages = aiter(stream)
        return [(await anext(messages)).id for _ in range(count)]


async def test_old_jobs_are_streamed_from_the_store(world: World) -> None:
    first = await world.serve()
    job_id = await world.run_job(first)
    second = await world.serve()
    assert second.live.find(job_id) is None
    expected = await all_messages(first.client, f"/jobs/{job_id}/stream")
    streams = (all_messages(second.client, f"/jobs/{job_id}/stream") for _ in range(5))
    assert all(messages == expected for messages in await asyncio.gather(*streams))


async def test_who_has_seen_the_end_is_told_not_to_come_again(world: World) -> None:
    process = await world.serve()
    job_id = await world.run_job(process, steps=1)
    last_id = world.ids(job_id)[-1]
    headers = {"Last-Event-ID": last_id}
    answer = await process.client.get(f"/jobs/{job_id}/stream", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_what_comes_after_the_end_is_not_told(world: World) -> None:
    process = await world.serve()
    job_id = await world.run_job(process, steps=1)
    before = await all_messages(process.client, f"/jobs/{job_id}/stream")
    await world.append(job_id, progress(99))
    await process.is_caught_up()
    assert await all_messages(process.client, f"/jobs/{job_id}/stream") == before


async def test_each_event_is_encoded_once_however_many_listen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Counter[int] = Counter()
    original = Story.tell

    def counted(self: Story, recorded: Recorded) -> None:
        made[recorded.offset] += 1
        original(self, recorded)

    monkeypatch.setattr(Story, "tell", counted)
    process = await world.serve()
    job_id = await process.submit()
    path = f"/jobs/{job_id}/stream"
    listening = [asyncio.create_task(all_messages(process.client, path)) for _ in range(30)]
    await eventually(lambda: len(process.app.state.api.streams) == 30)
    await world.append(job_id, *started(), progress(5), *completed(5))
    heard = await asyncio.gather(*listening)
    assert all(messages == heard[0] for messages in heard)
    assert [message.id for message in heard[0]] == world.ids(job_id)
    assert set(made.values()) == {1}
