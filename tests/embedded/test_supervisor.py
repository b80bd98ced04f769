"""The supervisor: order, restarts, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from embedded.part import Part, until
from scrapestream.guardian import is_alive, members
from scrapestream.supervisor import Supervisor
from streams.errors import PartFailedError

OBEDIENT = (
    "import signal, time; signal.signal(15, lambda *_: exit(0)); open({0!r}, 'w'); time.sleep(99)"
)
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); open({0!r}, 'w'); time.sleep(99)"
# As a worker does with its browser: a child in a session of its own.
PARENT = (
    "import subprocess, sys, time; child = [sys.executable, '-c', 'import time; time.sleep(99)']; "
    "subprocess.Popen(child, start_new_session=True); "
    "open({0!r}, 'w'); time.sleep(99)"
)


def part(path: Path, name: str, code: str, stop_s: float = 5.0) -> Part:
    sign = path / f"{name}.ready"

    async def is_there() -> bool:
        return sign.exists()

    async def ready() -> None:
        await until(is_there, what=name, within_s=10)

    return Part(
        name=name,
        command=(sys.executable, "-c", code.format(str(sign))),
        environment={},
        address="",
        log_file=path / f"{name}.log",
        ready=ready,
        stop_s=stop_s,
    )


async def eventually(ask: Callable[[], bool], what: str, within_s: float = 15) -> None:
    async def asked() -> bool:
        return ask()

    await until(asked, what=what, within_s=within_s)


@pytest.fixture
def stack_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture
async def supervisor(stack_id: str) -> AsyncIterator[Supervisor]:
    made = Supervisor(f"{stack_id}/run", dict(os.environ))
    yield made
    await made.stop()
    assert list(members(stack_id)) == []


async def test_stages_stop_in_reverse(supervisor: Supervisor, tmp_path: Path) -> None:
    ended: list[str] = []
    for name in ("first", "second", "third"):
        await supervisor.start([part(tmp_path, name, OBEDIENT)])
    processes = {
        name: psutil.Process(supervisor.pids[name]) for name in ("first", "second", "third")
    }

    async def note_the_end(name: str) -> None:
        await asyncio.to_thread(processes[name].wait, 10)
        ended.append(name)

    async with asyncio.TaskGroup() as group:
        for name in processes:
            group.create_task(note_the_end(name))
        group.create_task(supervisor.stop())
    assert ended == ["third", "second", "first"]


async def test_what_dies_starts_again_with_growing_pauses(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scrapestream.supervisor")
    await supervisor.start([part(tmp_path, "mortal", OBEDIENT)])
    for _ in range(2):
        pid = supervisor.pids["mortal"]
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda pid=pid: supervisor.pids.get("mortal", pid) != pid, "a new one")  # type: ignore[misc]  # the default binds the loop's variable
    said = [record for record in caplog.records if record.message == "part ended, starts again"]
    assert [vars(record)["pause_s"] for record in said] == [0.5, 1.0]
    assert vars(said[0])["exit_code"] == -signal.SIGKILL


async def test_what_a_dead_part_had_started_ends_before_it_starts_again(
    supervisor: Supervisor, stack_id: str, tmp_path: Path
) -> None:
    await supervisor.start([part(tmp_path, "worker-1", PARENT)])
    pid = supervisor.pids["worker-1"]
    await eventually(lambda: len(list(members(stack_id))) == 2, "parent and child")
    orphan = next(process for process in members(stack_id) if process.pid != pid)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not is_alive(orphan), "the end of the orphan")


async def test_a_part_that_ignores_sigterm_is_killed(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    await supervisor.start([part(tmp_path, "deaf", DEAF, stop_s=0.5)])
    process = psutil.Process(supervisor.pids["deaf"])
    await supervisor.stop()
    assert not is_alive(process)


async def test_a_part_that_cannot_start_says_why(supervisor: Supervisor, tmp_path: Path) -> None:
    broken = part(tmp_path, "broken", "print('no disk {0!s:.0}left'); exit(3)")
    with pytest.raises(PartFailedError, match=r"broken ended \(exit code 3\): no disk left"):
        await supervisor.start([part(tmp_path, "fine", OBEDIENT), broken])


async def test_nothing_is_left_when_the_supervisor_is_killed(stack_id: str, tmp_path: Path) -> None:
    script = f"""
import asyncio, json, os, sys
from pathlib import Path
from scrapestream.supervisor import Supervisor
from tests.embedded.test_supervisor import OBEDIENT, PARENT, part

async def main() -> None:
    supervisor = Supervisor("{stack_id}/run", dict(os.environ))
    path = Path({str(tmp_path)!r})
    await supervisor.start([part(path, "obedient", OBEDIENT), part(path, "parent", PARENT)])
    print(json.dumps(supervisor.pids), flush=True)
    await asyncio.sleep(99)

asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pids = json.loads(await process.stdout.readline())
    assert set(pids) == {"obedient", "parent", "guardian"}
    await eventually(lambda: len(list(members(stack_id))) == 3, "both parts and the child of one")
    guardian = psutil.Process(pids["guardian"])
    began = time.monotonic()
    process.kill()
    await process.wait()
    await eventually(lambda: not list(members(stack_id)), "the end of all")
    await eventually(lambda: not is_alive(guardian), "the end of the guardian")
    assert time.monotonic() - began < 10
