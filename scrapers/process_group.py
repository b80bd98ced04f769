"""A program started in its own process group, and ended with everything that it started."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

import psutil

from streams.settings import PREFIX

MARK = "SCRAPESTREAM_PROCESS_GROUP"
REAP_S = 5.0
"""Killed processes are gone within milliseconds; a disk that hangs may hold one longer."""
_WATCHED = 'exec 3<&0 </dev/null; (read -r _ <&3; kill -KILL 0) >/dev/null & exec 3<&-; exec "$@"'
"""Waits for the end of our pipe, then kills its group: also when we ourselves are killed."""


class ProcessGroup:
    """One started program and all that it started, known by a group id and a mark.

    They end with this process, however it ends. The mark, a variable of their environment,
    finds those that have left the group, as Chromium's crash handlers do.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        """Start ``command`` in a new session, with ``environment`` added to ours.

        Raises:
            FileNotFoundError: there is no such program.
        """
        program = shutil.which(command[0])
        if program is None:
            raise FileNotFoundError(command[0])
        self._mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "sh", program, *command[1:]],
            env={**_without_settings(os.environ), **environment, MARK: self._mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The first process, and the group's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the first process still runs."""
        if self._process.returncode is not None:
            return False
        # Looked at without reaping: its id names the group until ``close`` has killed it.
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        return False

    def wait_for_line(self, pattern: re.Pattern[str], *, timeout_s: float) -> re.Match[str] | None:
        """The first printed line that holds ``pattern``; None when it does not come in time.

        Then the group is killed. Later lines are read and dropped.
        """
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        alarm = threading.Timer(timeout_s, self.kill)
        alarm.start()
        try:
            for line in self._process.stdout:
                match = pattern.search(line)
                if match:
                    threading.Thread(
                        target=_drop,
                        args=(self._process.stdout,),
                        name="browser-output",
                        daemon=True,
                    ).start()
                    return match
        finally:
            alarm.cancel()
        return None

    def members(self) -> list[psutil.Process]:
        """Processes of ours that run, also those that left the group."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                is_ours = (
                    os.getpgid(process.pid) == self.pid or process.environ().get(MARK) == self._mark
                )
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def memory_bytes(self) -> int:
        """Memory that the group's processes hold for themselves alone, plus what they share once.

        Proportional set sizes, where the system tells them.
        """
        total = 0
        for process in self.members():
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", 0) or memory.rss
        return total

    def kill(self) -> None:
        """Kill the whole group at once. Any thread may call it, any number of times."""
        if self._process.returncode is None:  # after it, the id may be another's
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the group and wait until its processes are gone: none is left, none a zombie."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_S)
        end = time.monotonic() + REAP_S
        while (members := self.members()) and time.monotonic() < end:
            for member in members:
                with suppress(psutil.Error):
                    member.kill()
            psutil.wait_procs(members, timeout=0.1)
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Our settings hold keys and passwords, which a program that shows hostile pages needs not."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}


def _drop(output: IO[str]) -> None:
    with suppress(OSError, ValueError), output:
        for _ in output:
            pass
