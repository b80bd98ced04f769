"""The server: ports, signals, and what happens when the work behind it fails."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from api.app import build_app
from api.server import open_socket, serve
from schemas.errors import RegistryError
from streams.errors import LogUnavailableError, PartFailedError
from tests.api.job_events import started
from tests.api.world import WAIT_S, World, eventually


def test_a_taken_port_is_one_clear_message(world: World) -> None:
    with open_socket(world.settings) as taken:
        taken.listen()
        settings = replace(world.settings, api_port=taken.getsockname()[1])
        with pytest.raises(PartFailedError, match="SCRAPESTREAM_API_PORT"):
            open_socket(settings)


def test_an_address_of_another_machine_is_one_clear_message(world: World) -> None:
    with pytest.raises(PartFailedError):
        open_socket(replace(world.settings, api_host="192.0.2.1"))
    with pytest.raises(PartFailedError, match="SCRAPESTREAM_API_HOST"):
        open_socket(replace(world.settings, api_host="no such host"))


async def test_sigterm_ends_the_server_and_leaves_no_handler(world: World) -> None:
    app = build_app(world.parts(world.settings, world.live_view()))
    ports: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    serving = asyncio.create_task(serve(app, world.settings, on_started=ports.append))
    await eventually(lambda: bool(ports))
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(WAIT_S):
        await serving
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_failure_behind_the_api_ends_the_server(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = world.live_view()
    app = build_app(world.parts(world.settings, live))

    async def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(live, "_follow", broken)
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(WAIT_S):
            await serve(app, world.settings)


async def test_the_tail_goes_on_after_broker_and_registry_were_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await world.start()
    job_id = await process.submit()
    await process.is_caught_up()
    reader, records = process.live._reader, process.live._records  # noqa: SLF001 - to break them
    read, learn = reader.read, records.learn
    failures = {"read": 2, "learn": 2}

    async def failing_read(*, timeout_s: float, most: int = 5_000):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a stand-in
        if failures["read"]:
            failures["read"] -= 1
            raise LogUnavailableError("restarting")
        return await read(timeout_s=timeout_s, most=most)

    async def failing_learn(raws):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a stand-in
        if failures["learn"]:
            failures["learn"] -= 1
            raise RegistryError("restarting")
        await learn(raws)

    monkeypatch.setattr(reader, "read", failing_read)
    monkeypatch.setattr(records, "learn", failing_learn)
    await world.append(job_id, *started())
    await process.is_caught_up()
    await world.append(job_id, *started(2))
    await process.is_caught_up()
    assert failures == {"read": 0, "learn": 0}
    job = process.live.find(job_id)
    assert job is not None
    assert job.events_count == len(world.history(job_id))
