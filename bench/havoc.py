"""Kills, freezes and restarts processes of a stack at random, by their pids."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil

PAUSE_S = (0.5, 3.0)
FREEZE_S = (1.0, 25.0)
WEIGHTS = {"kill": 5, "freeze": 3, "stop": 3, "browser": 4}
"""``kill``: SIGKILL; ``freeze``: SIGSTOP, later SIGCONT; ``stop``: SIGTERM, its supervisor starts
it again; ``browser``: SIGKILL to one of a worker's browser processes."""
SPARED = frozenset({"up", "guardian", "demo-site", "registry"})
RARE = frozenset({"kafka", "clickhouse"})
RARE_SHARE = 0.05


class Havoc:
    """Runs until cancelled; ``calm_down`` wakes what is frozen."""

    def __init__(self, pids: Callable[[], Mapping[str, int]], chance: random.Random) -> None:
        self._pids = pids
        self._chance = chance
        self._frozen: dict[int, psutil.Process] = {}
        self.done: Counter[str] = Counter()
        """What was done, such as ``kill worker``."""

    async def run(self) -> None:
        """One deed after the other."""
        async with asyncio.TaskGroup() as waking:
            while True:
                await asyncio.sleep(self._chance.uniform(*PAUSE_S))
                found = self._target()
                deed = self._chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
                freeze_s = self._chance.uniform(*FREEZE_S)
                if found is not None:
                    with suppress(psutil.Error):
                        self._do(deed, *found, freeze_s, waking)

    def _do(
        self,
        deed: str,
        name: str,
        process: psutil.Process,
        freeze_s: float,
        waking: asyncio.TaskGroup,
    ) -> None:
        role = name.split("-", maxsplit=1)[0]
        if deed == "browser":
            browsers = [each for each in self._browsers() if each.is_running()]
            if not browsers:
                return
            self._chance.choice(browsers).send_signal(signal.SIGKILL)
            role = "process"
        elif deed == "kill":
            process.send_signal(signal.SIGKILL)
        elif deed == "stop":
            process.send_signal(signal.SIGTERM)
        elif process.pid not in self._frozen:
            process.send_signal(signal.SIGSTOP)
            self._frozen[process.pid] = process
            waking.create_task(self._wake(process, freeze_s))
        self.done[f"{deed} {role}"] += 1

    def calm_down(self) -> None:
        """Wake everything that is frozen."""
        for process in list(self._frozen.values()):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        self._frozen.clear()

    async def _wake(self, process: psutil.Process, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._frozen.pop(process.pid, None)
        with suppress(psutil.Error):
            process.send_signal(signal.SIGCONT)

    def _target(self) -> tuple[str, psutil.Process] | None:
        """None while it is not running."""
        pids = {name: pid for name, pid in self._pids().items() if name not in SPARED}
        is_rare = self._chance.random() < RARE_SHARE
        names = sorted(name for name in pids if (name in RARE) == is_rare)
        if not names:
            return None
        name = self._chance.choice(names)
        try:
            return name, psutil.Process(pids[name])
        except psutil.NoSuchProcess:
            return None

    def _browsers(self) -> list[psutil.Process]:
        found = []
        for name, pid in sorted(self._pids().items()):
            if name.startswith("worker"):
                with suppress(psutil.Error):
                    below = psutil.Process(pid).children(recursive=True)
                    found += [process for process in below if "chrom" in process.name()]
        return found
