"""Archives of the classes that the Java parts load, so that they start in half the time.

A JVM that is told to writes them when it ends (class data sharing, JEP 350); later ones map them.
They lie beside the jars, one for each Java. A JVM that cannot use one says nothing and loads its
classes as ever.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from embedded.jars import Jars, alone, fetch_jars
from embedded.java import archive_of
from embedded.kafka import kafka_part
from embedded.part import Part
from embedded.registry import registry_part
from streams.errors import PartFailedError

STOP_S = 60.0
"""It writes 50 MB as it ends."""


def make_archives(jars: Jars) -> None:
    """Make those that are missing: run each part once, alone, with data of its own.

    Raises:
        PartFailedError: a part did not start or stop.
    """
    _make(archive_of(jars.kafka), lambda path: _kafka(path, jars))
    _make(archive_of(jars.registry), lambda path: _registry(path, jars))


def _make(archive: Path, make_part: Callable[[Path], Coroutine[None, None, Part]]) -> None:
    if archive.exists():
        return
    with (
        alone(archive.with_suffix(".lock")),
        tempfile.TemporaryDirectory(dir=archive.parent, prefix=".archiving-") as temporary,
    ):
        if archive.exists():  # another process was faster
            return
        new, log_file = Path(temporary) / archive.name, Path(temporary) / "log"
        with log_file.open("wb") as output:
            asyncio.run(_run(make_part, Path(temporary), new, output))
        if not new.exists():
            last = log_file.read_text(errors="replace")[-300:]
            raise PartFailedError(f"no archive of classes was left: {last}")
        new.replace(archive)


async def _run(
    make_part: Callable[[Path], Coroutine[None, None, Part]],
    directory: Path,
    archive: Path,
    output: BinaryIO,
) -> None:
    part = await make_part(directory)
    java, *arguments = part.command
    process = await asyncio.create_subprocess_exec(
        *(java, f"-XX:ArchiveClassesAtExit={archive}", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )
    try:
        await part.ready()
        process.terminate()
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        raise PartFailedError(f"{part.name} did not stop within {STOP_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _kafka(path: Path, jars: Jars) -> Part:
    port, controller_port = _free_ports()
    return await kafka_part(path, port=port, controller_port=controller_port, jars=jars)


async def _registry(path: Path, jars: Jars) -> Part:
    port, management_port = _free_ports()
    return registry_part(path, port=port, management_port=management_port, jars=jars)


def _free_ports() -> tuple[int, int]:
    with ExitStack() as probes:
        ports = []
        for _ in range(2):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
    return ports[0], ports[1]


def main() -> int:
    """Make what is missing: ``python -m embedded.class_archives``. Nobody depends on it."""
    try:
        jars = fetch_jars()
        if not (archive_of(jars.kafka).exists() and archive_of(jars.registry).exists()):
            sys.stderr.write(
                "starting Kafka and the schema registry once: later starts are quick\n"
            )
            make_archives(jars)
    except PartFailedError as error:
        sys.stderr.write(f"the Java parts will start slowly: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
