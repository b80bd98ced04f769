"""Starts the processes of a stack, starts again what dies, stops all of it, leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from embedded.part import Part
from scrapestream.guardian import MARK, end_members, mark
from streams.errors import PartFailedError

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
STEADY_S = 30.0  # a process that ran this long starts again with the first pause
LOG_BYTES = 20 * 1024 * 1024  # a longer log is moved aside at the next start
TAIL_LINES = 3
GUARDIAN_S = 15.0
PROJECT = Path(__file__).parent.parent

log = logging.getLogger("scrapestream.supervisor")


class Supervisor:
    """Keeps processes running. Stages start one after the other and stop in reverse."""

    def __init__(
        self,
        stack_id: str,
        environment: Mapping[str, str],
        *,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``changed`` is called whenever `pids` is another; ``stack_id`` names this run."""
        self._stack_id = stack_id
        # A child finds our packages also when they are not installed and it starts elsewhere.
        path = os.pathsep.join(filter(None, (str(PROJECT), environment.get("PYTHONPATH"))))
        self._environment = {**environment, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        self._changed = changed
        self._stages: list[list[_Keeper]] = []
        self._guardian: Process | None = None
        self._guardian_task: asyncio.Task[None] | None = None

    @property
    def pids(self) -> dict[str, int]:
        """Name to process id of all that run now, the guardian too."""
        found = {
            keeper.part.name: keeper.pid
            for stage in self._stages
            for keeper in stage
            if keeper.pid is not None
        }
        if self._guardian is not None:
            found["guardian"] = self._guardian.pid
        return found

    async def start(self, parts: Sequence[Part]) -> dict[str, float]:
        """Start one stage at once and wait until all of it answers; name to seconds it took.

        Raises:
            PartFailedError: one of them died or did not answer; call `stop`.
        """
        if self._guardian_task is None:
            await self._start_guardian()
            self._guardian_task = asyncio.create_task(self._keep_guardian())
        keepers = [_Keeper(part, self._marked(part), self._changed) for part in parts]
        self._stages.append(keepers)
        try:
            async with asyncio.TaskGroup() as group:
                starts = [group.create_task(keeper.start()) for keeper in keepers]
        except* PartFailedError as failed:
            raise failed.exceptions[0] from None
        return {
            keeper.part.name: start.result() for keeper, start in zip(keepers, starts, strict=True)
        }

    async def run_once(self, part: Part, *, within_s: float) -> None:
        """Run a command to its end.

        Raises:
            PartFailedError: it failed or took longer; the text holds the end of its log.
        """
        process = await _spawn(part, self._marked(part))
        try:
            async with asyncio.timeout(within_s):
                code = await process.wait()
        except TimeoutError:
            raise PartFailedError(
                f"{part.name} did not end within {within_s:.0f} s; its log: {part.log_file}"
            ) from None
        finally:
            if process.returncode is None:
                _kill_group(process)
                await process.wait()
        if code:
            raise PartFailedError(_ended(part, code))

    async def stop(self) -> None:
        """Stop every stage, the last one first; returns when no process is left."""
        while self._stages:
            stage = self._stages[-1]
            await asyncio.gather(*(keeper.stop() for keeper in stage))
            self._stages.pop()
        left = await asyncio.to_thread(end_members, self._stack_id, grace_s=0)
        if left:
            log.warning("killed what parts had left behind", extra={"processes": left})
        if self._guardian_task is not None:
            self._guardian_task.cancel()
            await asyncio.gather(self._guardian_task, return_exceptions=True)
            self._guardian_task = None
        if self._guardian is not None:
            if self._guardian.stdin is not None:
                self._guardian.stdin.close()
            async with asyncio.timeout(GUARDIAN_S):
                await self._guardian.wait()
            self._guardian = None

    def _marked(self, part: Part) -> dict[str, str]:
        return {**self._environment, **part.environment, MARK: mark(self._stack_id, part.name)}

    async def _start_guardian(self) -> None:
        # In a session of its own: what is sent to the group of `up` does not reach it.
        self._guardian = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scrapestream.guardian", self._stack_id),
            env=self._environment,
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )
        self._changed()

    async def _keep_guardian(self) -> None:
        while self._guardian is not None:
            await self._guardian.wait()
            log.warning("guardian ended, starts again")
            await asyncio.sleep(BACK_OFF_S[0])
            await self._start_guardian()


class _Keeper:
    """One process, and the task that starts it again."""

    def __init__(
        self, part: Part, environment: Mapping[str, str], changed: Callable[[], None]
    ) -> None:
        self.part = part
        self._environment = environment
        self._changed = changed
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process and running else None

    async def start(self) -> float:
        """Start it, wait until it answers, keep it from then on; seconds that it took."""
        began = asyncio.get_running_loop().time()
        await self._start_once()
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.part.name}")
        return asyncio.get_running_loop().time() - began

    async def stop(self) -> None:
        """SIGTERM to the process, SIGKILL to its group after its time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self.part.stop_s):
                await process.wait()
        except TimeoutError:
            log.warning("part did not stop, killing it", extra={"part": self.part.name})
            _kill_group(process)
            await process.wait()
        self._changed()

    async def _start_once(self) -> None:
        process = await _spawn(self.part, self._environment)
        self._process = process
        self._changed()
        ready = asyncio.ensure_future(self.part.ready())
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise PartFailedError(_ended(self.part, ended.result()))
            ready.result()
        finally:
            ready.cancel()
            ended.cancel()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        name = self.part.name
        failures = 0
        began = loop.time()
        while True:
            if self._process is not None:
                code = await self._process.wait()
                self._changed()
                failures = 0 if loop.time() - began > STEADY_S else failures
                pause_s = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
                log.warning(
                    "part ended, starts again",
                    extra={"part": name, "exit_code": code, "pause_s": pause_s},
                )
                # What it had started, such as browsers, would be in the way of the next one.
                stack_id = self._environment[MARK].rpartition("/")[0]
                await asyncio.to_thread(end_members, stack_id, name, grace_s=0)
                await asyncio.sleep(pause_s)
            failures += 1
            began = loop.time()
            try:
                await self._start_once()
                log.info("part answers again", extra={"part": name, "pid": self.pid})
            except PartFailedError as error:
                log.warning("part did not answer", extra={"part": name, "error": str(error)})
                if self._process is not None:
                    _kill_group(self._process)


async def _spawn(part: Part, environment: Mapping[str, str]) -> Process:
    with _open_log(part.log_file) as output:
        try:
            return await asyncio.create_subprocess_exec(
                *part.command,
                env=environment,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                # Its own group: a Ctrl-C in the terminal reaches only `up`, which stops in order.
                start_new_session=True,
            )
        except OSError as error:
            raise PartFailedError(f"{part.name} cannot be started: {error}") from None


def _kill_group(process: Process) -> None:
    """End a process and its group; it leads the group, so the number is still its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _ended(part: Part, code: int) -> str:
    lines = part.log_file.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    said = " | ".join(line.strip() for line in lines)
    return f"{part.name} ended (exit code {code}): {said} (whole log: {part.log_file})"
