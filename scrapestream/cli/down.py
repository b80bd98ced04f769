"""``scrapestream down``: stop the stack of a data directory."""

from __future__ import annotations

import psutil

from scrapestream.cli.address import DataDirOption, default_data_dir
from scrapestream.cli.exits import CliError
from scrapestream.cli.output import say
from scrapestream.data_directory import DataDirectory
from scrapestream.guardian import end_members, wait_for_end

STOP_S = 60.0  # the sum of the times that the stages may take


def down(*, data_dir: DataDirOption = None) -> None:
    """Stop the stack of a data directory."""
    directory = DataDirectory(data_dir or default_data_dir())
    owner = directory.owner()
    supervisor = owner.process() if owner else None
    if supervisor is None:
        # Nobody supervises; what a crash may have left is ended all the same.
        stack_id = directory.find_stack_id()
        left = end_members(stack_id) if stack_id else 0
        directory.forget_addresses()
        what = f"; ended {left} processes that were left of one" if left else ""
        say(f"no stack runs in {directory.path}{what}")
        return
    addresses = directory.read_addresses()
    pids = set(addresses.pids.values()) - {supervisor.pid} if addresses else set()
    processes = [supervisor, *(psutil.Process(pid) for pid in pids if psutil.pid_exists(pid))]
    supervisor.terminate()
    if alive := wait_for_end(processes, STOP_S):
        names = ", ".join(str(process.pid) for process in alive)
        raise CliError(f"still running after {STOP_S:.0f} s: {names}; see {directory.logs}")
    say(f"stopped the stack of {directory.path}")
