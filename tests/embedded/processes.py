"""Starts a part of ours without a supervisor, and ends it in the way that a test wants."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, Process

from embedded.part import Part


async def start(part: Part) -> Process:
    """The part's process, once it answers."""
    part.log_file.parent.mkdir(parents=True, exist_ok=True)
    with part.log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *part.command,
            env={**os.environ, **part.environment},
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await part.ready()
    except BaseException:
        await kill(process)
        raise
    return process


async def stop(process: Process) -> None:
    """SIGTERM, and its orderly end."""
    process.terminate()
    async with asyncio.timeout(20):
        await process.wait()


async def kill(process: Process) -> None:
    """As a crash."""
    if process.returncode is None:
        process.kill()
    await process.wait()
