"""The directory of one stack: who holds it, its addresses, ports, secret key and logs."""

from __future__ import annotations

import fcntl
import json
import os
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cryptography.fernet import Fernet

from embedded.part import is_free
from scrapestream.guardian import is_alive
from streams.errors import PartFailedError

PORTS = range(20_000, 32_000)  # below the range that the kernel gives to outgoing connections
PERSONAL_KEY = "personal-key"  # the file's name
SAME_START_S = 1.0  # psutil's clock of a process start is not exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """``addresses.json``: what runs where. An empty address: not part of this stack."""

    data_dir: str
    api: str | None = None
    kafka: str | None = None
    clickhouse: str | None = None
    registry: str | None = None
    demo_site: str | None = None
    pids: Mapping[str, int] = field(default_factory=dict)
    """Process ids by name; ``up`` is the supervisor's."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The supervisor that holds a directory."""

    pid: int
    started_at: float

    def process(self) -> psutil.Process | None:
        """Its process, when it lives and is not another one of the same number."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < SAME_START_S
        except psutil.NoSuchProcess:
            return None
        return process if same and is_alive(process) else None


class DataDirectory:
    """Files of a stack under one path."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock_file = self.path / "lock"
        self._addresses_file = self.path / "addresses.json"

    @property
    def logs(self) -> Path:
        """The directory of the logs, one file a process."""
        return self.path / "logs"

    def make(self) -> None:
        """Make it where it is not there, readable for its owner only: it holds a key.

        Raises:
            PartFailedError: it cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise PartFailedError(f"the data directory cannot be used: {error}") from None

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the directory; makes it when it is not there.

        Raises:
            PartFailedError: another stack has it, or it cannot be written.
        """
        self.make()
        with self._lock_file.open("a+", encoding="utf-8") as lock:
            try:
                # The kernel frees it with the process, so a crash leaves no stale lock.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PartFailedError(self._taken()) from None
            lock.seek(0)
            lock.truncate()
            json.dump(asdict(Owner(os.getpid(), psutil.Process().create_time())), lock)
            lock.flush()
            try:
                yield
            finally:
                self.forget_addresses()
                lock.seek(0)
                lock.truncate()

    def owner(self) -> Owner | None:
        """Who holds the directory now."""
        try:
            found: Any = json.loads(self._lock_file.read_text())
            owner = Owner(int(found["pid"]), float(found["started_at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return owner if owner.process() else None

    def read_addresses(self) -> Addresses | None:
        """What runs where; None when nothing does, or not yet."""
        try:
            return Addresses(**json.loads(self._addresses_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_addresses(self, addresses: Addresses) -> None:
        """Store them; a reader sees the old ones or the new ones, whole."""
        _write(self._addresses_file, json.dumps(asdict(addresses), indent=2) + "\n")

    def forget_addresses(self) -> None:
        """Remove addresses that a killed stack could not remove."""
        self._addresses_file.unlink(missing_ok=True)

    def stack_id(self) -> str:
        """The name that the processes of this directory carry, the same for ever."""
        return self._kept("stack-id", lambda: uuid.uuid4().hex)

    def find_stack_id(self) -> str | None:
        """The same, when there ever was a stack."""
        return self.stack_id() if (self.path / "stack-id").exists() else None

    def secret_key(self) -> str:
        """The key of the webhook secrets, made once."""
        return self._kept("secret-key", lambda: Fernet.generate_key().decode())

    def personal_key(self) -> str:
        """The key of the keys of encrypted reviews, made once."""
        return self._kept(PERSONAL_KEY, lambda: Fernet.generate_key().decode())

    def find_personal_key(self) -> str:
        """The same, when there is one; else empty."""
        return self.personal_key() if (self.path / PERSONAL_KEY).exists() else ""

    def port(self, name: str) -> int:
        """A free port of 127.0.0.1: the same as last time when nobody took it meanwhile."""
        file = self.path / "ports.json"
        try:
            ports: dict[str, int] = json.loads(file.read_text())
        except (OSError, ValueError):
            ports = {}
        if name in ports and is_free(ports[name]):
            return ports[name]
        taken = set(ports.values())
        for port in random.sample(PORTS, 200):
            if port not in taken and is_free(port):
                _write(file, json.dumps(ports | {name: port}, indent=2))
                return port
        raise PartFailedError(f"there is no free port between {PORTS.start} and {PORTS.stop}")

    def _kept(self, name: str, make: Any) -> str:
        file = self.path / name
        if not file.exists():
            _write(file, make())
        return file.read_text().strip()

    def _taken(self) -> str:
        owner = self.owner()
        addresses = self.read_addresses()
        pid = f"pid {owner.pid}" if owner else "another process"
        api = f", API {addresses.api}" if addresses and addresses.api else ""
        return (
            f"a stack already runs in {self.path} ({pid}{api}); "
            f"use it, or stop it: scrapestream down --data-dir {self.path}"
        )


def _write(file: Path, text: str) -> None:
    """Replace a file at once; only its owner can read it."""
    temporary = file.with_name(f".{file.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
