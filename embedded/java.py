"""How the Java parts are started: the JVM, its flags, its archive of loaded classes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from streams.errors import PartFailedError

JVM_FLAGS = (
    "-XX:+UseSerialGC",  # one small heap: less memory and an earlier start than G1
    "-XX:TieredStopAtLevel=1",  # a broker of this size is never hot enough for C2
    "-Xshare:auto",
    "-XX:-UsePerfData",  # leaves no file in /tmp behind
)
QUIET = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")
"""An archive that does not fit is passed over; that is no line in a log."""


def find_java() -> str:
    """The path of ``java``.

    Raises:
        PartFailedError: it is not installed.
    """
    java = shutil.which("java")
    if java is None:
        raise PartFailedError("Java is missing: apt-get install openjdk-17-jre-headless")
    return java


def archive_of(jars: Path) -> Path:
    """Where the classes that a part loads from ``jars`` are archived; another Java, another file.

    Raises:
        PartFailedError: Java is not installed.
    """
    java = Path(find_java()).resolve()
    which = hashlib.sha256(f"{java} {java.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    return jars.parent / f"{jars.name}-{which}.jsa"


def jvm(jars: Path) -> tuple[str, ...]:
    """``java`` with the flags of a part whose classes lie in ``jars``.

    Raises:
        PartFailedError: Java is not installed.
    """
    archive = archive_of(jars)
    if not archive.exists():
        return (find_java(), *JVM_FLAGS)
    return (find_java(), *JVM_FLAGS, f"-XX:SharedArchiveFile={archive}", *QUIET)
