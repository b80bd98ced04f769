"""Ends what a supervisor leaves behind when it is killed itself.

Every process of a stack carries a mark in its environment, and so does everything it starts: a
browser in a process group of its own, too. The guardian holds the read end of a pipe whose write
end only the supervisor has. When the supervisor is gone, however it went, the pipe ends, and the
guardian ends all that carry the mark.

Why not ``PR_SET_PDEATHSIG``: the kernel sends it when the *thread* that forked ends, it reaches
only direct children (Chromium would stay), and nobody follows up on a child that ignores it.
Why not a pipe in every child: a JVM does not watch one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence

import psutil

MARK = "STACK_MEMBER"
"""Environment variable of every process of a stack: ``STACK_ID/RUN/PART``."""
GRACE_S = 10.0
KILL_S = 5.0
LOOK_EVERY_S = 0.02


def mark(stack_id: str, part: str = "") -> str:
    """The value of `MARK` for a part; without a part, what all of the stack begin with.

    ``stack_id`` is that of a directory, for all its runs, or with ``/RUN`` for one of them.
    """
    return f"{stack_id}/{part}"


def members(stack_id: str, part: str | None = None) -> Iterator[psutil.Process]:
    """Living processes of a stack, or of one part of it, other than this one."""
    wanted = mark(stack_id, part or "")
    for process in psutil.process_iter():
        try:
            value = process.environ().get(MARK, "")
        except psutil.Error:  # gone meanwhile, or another user's
            continue
        ours = value == wanted if part else value.startswith(wanted)
        if ours and process.pid != os.getpid() and is_alive(process):
            yield process


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs. One that ended and waits for its parent to notice does not: in a container
    process 1 may never look.
    """
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_end(processes: Sequence[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait until all have ended; those that have not within the time."""
    deadline = time.monotonic() + within_s
    while alive := [process for process in processes if is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY_S)
    return alive


def end_members(stack_id: str, part: str | None = None, *, grace_s: float = GRACE_S) -> int:
    """SIGTERM, and SIGKILL after ``grace_s``, until none is left; says how many there were."""
    found = list(members(stack_id, part))
    count = len(found)
    if grace_s > 0:
        _signal(found, signal.SIGTERM)
        wait_for_end(found, grace_s)
        found = list(members(stack_id, part))
    while found:  # again, because a dying process may have started another
        _signal(found, signal.SIGKILL)
        wait_for_end(found, KILL_S)
        found = list(members(stack_id, part))
    return count


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # psutil never signals a reused pid
            process.send_signal(number)


def main() -> int:
    """Wait for the end of standard input, then clean up: ``python -m scrapestream.guardian ID``."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stack_id = sys.argv[1]
    while os.read(0, 1024):
        pass
    end_members(stack_id)
    return 0


if __name__ == "__main__":
    sys.exit(main())
