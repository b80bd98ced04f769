"""The jars of the embedded parts: fetched once with Maven, kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.errors import PartFailedError

POM = Path(__file__).parent / "kafka" / "pom.xml"
FETCH_S = 600.0  # 150 MB over a slow line


@dataclass(frozen=True, slots=True)
class Jars:
    """Where the unpacked parts lie."""

    kafka: Path
    """Directory of Kafka's jars."""
    registry: Path
    """Directory of Apicurio's runner jar and its ``lib``."""


def cache_directory(pom: Path = POM) -> Path:
    """The directory of these versions; its name changes with the pom."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    versions = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    return root / "scrapestream" / f"parts-{versions}"


def find_jars() -> Jars | None:
    """The jars, when they are complete on this machine."""
    directory = cache_directory()
    # The directory gets its name by a rename at the very end, so it is complete when it is there.
    return Jars(directory / "kafka", directory / "registry") if directory.is_dir() else None


def fetch_jars() -> Jars:
    """The jars; fetches them first when they are not there (150 MB, under a minute).

    Raises:
        PartFailedError: Maven is missing or failed; the text says what to do.
    """
    directory = fetch_parts(POM)
    return Jars(directory / "kafka", directory / "registry")


def fetch_parts(pom: Path) -> Path:
    """The directory that ``mvn process-resources`` fills from ``pom``, kept in the cache.

    Raises:
        PartFailedError: Maven is missing or failed; the text says what to do.
    """
    directory = cache_directory(pom)
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with alone(directory.with_suffix(".lock")):
        if not directory.is_dir():  # no other process was faster
            _fetch(pom, directory)
    return directory


def _fetch(pom: Path, directory: Path) -> None:
    mvn = shutil.which("mvn")
    if mvn is None:
        raise PartFailedError(
            f"Maven is missing, and the jars of {pom.parent.name} are not here yet: "
            "apt-get install maven openjdk-17-jre-headless"
        )
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".fetching-") as temporary:
        parts = Path(temporary) / "parts"
        try:
            subprocess.run(
                [
                    mvn,
                    "-B",
                    "-q",
                    "-f",
                    str(pom),
                    "process-resources",
                    f"-Dparts.directory={parts}",
                ],
                check=True,
                cwd=temporary,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=FETCH_S,
            )
        except subprocess.CalledProcessError as error:
            reason = next(
                (line for line in error.stdout.splitlines() if "ERROR" in line), "no reason given"
            )
            raise PartFailedError(
                f"Maven could not fetch the jars: {reason.strip()}; "
                f"the whole story: mvn -f {pom} process-resources -Dparts.directory=/tmp/parts"
            ) from None
        except subprocess.TimeoutExpired:
            raise PartFailedError(
                f"Maven did not fetch the jars within {FETCH_S:.0f} s; is the repository reachable?"
            ) from None
        parts.rename(directory)


@contextmanager
def alone(lock_file: Path) -> Iterator[None]:
    """Wait until no other process fetches; the kernel frees the lock of one that died."""
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Fetch what is missing: ``python -m embedded.jars``. Silent when nothing is."""
    if find_jars() is None:
        sys.stderr.write("fetching Kafka and the schema registry with Maven (150 MB, once)\n")
        try:
            fetch_jars()
        except PartFailedError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
