"""A whole stack in processes, as `scrapestream up --detach` starts it, and hands on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import httpx2
import psutil

T = TypeVar("T")

COMMAND = [sys.executable, "-m", "scrapestream"]
START_S = 120.0
ENDED = {"completed", "failed", "cancelled"}


@dataclass(slots=True)
class System:
    """One running stack."""

    data_dir: Path
    arguments: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def up(self) -> None:
        """Start it; prints its logs when that fails."""
        command = [*COMMAND, "up", "--detach", "--data-dir", str(self.data_dir), *self.arguments]
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        if done.returncode:
            self.print_logs()
        assert done.returncode == 0, done.stderr

    def down(self) -> None:
        """Stop it; nothing of it may be left."""
        pids = list(self.addresses()["pids"].values())
        command = [*COMMAND, "down", "--data-dir", str(self.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
        assert done.returncode == 0, done.stderr
        assert not [pid for pid in pids if is_alive(pid)]

    def addresses(self) -> dict[str, Any]:
        """What runs where, now."""
        found: dict[str, Any] = json.loads((self.data_dir / "addresses.json").read_text())
        return found

    def place(self, reviews: int, **options: object) -> str:
        """The URL of a demo place."""
        query = urlencode({"reviews": reviews, "latency_ms": 0, **options})
        return f"{self.addresses()['demo_site']}/maps/place/Cafe+Central?{query}"

    def truth(self, reviews: int, **options: object) -> list[dict[str, Any]]:
        """What the demo site generated for a place."""
        parts = urlsplit(self.place(reviews, **options))
        path = parts.path.replace("/maps/place/", "/truth/")
        url = f"{parts.scheme}://{parts.netloc}{path}?{parts.query}"
        answer = httpx2.get(url, timeout=10).raise_for_status().json()
        found: list[dict[str, Any]] = answer["items"]
        return found

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A call of the API; a connection that is refused for a moment is tried again."""
        return httpx2.request(method, f"{self.addresses()['api']}{path}", timeout=20, **options)

    def submit(self, url: str, **more: object) -> str:
        """Submit a job; its id."""
        answer = self.call("POST", "/scrape", json={"url": url, **more})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as the API tells it, while the API restarts as well."""
        return eventually(lambda: self._job(job_id), within_s=30, what=f"GET /jobs/{job_id}")

    def ended(self, job_id: str, within_s: float = 60) -> dict[str, Any]:
        """The job, when it has ended; prints its events when it does not."""

        def find() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in ENDED else None

        try:
            return eventually(find, within_s=within_s, what=f"the end of job {job_id}")
        except AssertionError:
            self.print_logs()
            for event in self.events(job_id):
                print(event)
            raise

    def until(
        self, job_id: str, is_so: Callable[[dict[str, Any]], bool], within_s: float = 30
    ) -> dict[str, Any]:
        """The job, as soon as ``is_so`` of it."""

        def find() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if is_so(job) else None

        return eventually(find, within_s=within_s, what=f"a fact of job {job_id}")

    def reviews(self, job_id: str) -> list[dict[str, Any]]:
        """All reviews of a job."""
        answer = self.call("GET", f"/jobs/{job_id}/reviews")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["reviews"]
        return found

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """The job's log as the API tells it."""
        answer = self.call("GET", f"/jobs/{job_id}/events")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    def hook(self, box: str, **options: object) -> str:
        """The URL of a webhook box of the demo site."""
        query = f"?{urlencode(options)}" if options else ""
        return f"{self.addresses()['demo_site']}/webhooks/{box}{query}"

    def delivered(self, box: str, count: int = 1, within_s: float = 30) -> list[dict[str, Any]]:
        """The webhooks that a box got, at least ``count``."""

        def find() -> list[dict[str, Any]] | None:
            url = f"{self.addresses()['demo_site']}/webhooks/{box}"
            got: list[dict[str, Any]] = httpx2.get(url, timeout=10).json()["deliveries"]
            return got if len(got) >= count else None

        try:
            return eventually(find, within_s=within_s, what=f"{count} webhooks in {box}")
        except AssertionError:
            self.print_logs()
            raise

    def kill(self, name: str) -> int:
        """``kill -9`` one process of the stack, by its pid; returns when it is gone."""
        pid = int(self.addresses()["pids"][name])
        process = psutil.Process(pid)
        process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], timeout=10)
        return pid

    def restarted(self, name: str, old_pid: int, within_s: float = 30) -> None:
        """Wait until the supervisor has started ``name`` again."""
        eventually(
            lambda: self.addresses()["pids"].get(name) not in {None, old_pid},
            within_s=within_s,
            what=f"a new {name}",
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows straight from ClickHouse."""
        url = urlsplit(self.addresses()["clickhouse"])
        with clickhouse_connect.get_client(host=url.hostname, port=url.port) as client:
            return [tuple(row) for row in client.query(statement).result_rows]

    def check_nothing_doubled(self, job_id: str) -> None:
        """Each event and item of the job stands in ClickHouse once, before any merge."""
        for table in ("job_events_v1", "items_v1"):
            statement = (
                f"SELECT count(), uniqExact(partition, offset) FROM {table} "
                f"WHERE job_id = '{job_id}'"
            )
            ((rows, distinct),) = self.rows(statement)
            assert rows == distinct, table

    def print_logs(self) -> None:
        """The end of each log, for a failed test."""
        for log in sorted((self.data_dir / "logs").glob("*.log")):
            if log.stem in {"kafka", "registry", "clickhouse"}:
                continue
            print(f"--- {log.name}")
            print("\n".join(log.read_text(errors="replace").splitlines()[-15:]))

    def _job(self, job_id: str) -> dict[str, Any] | None:
        try:
            answer = self.call("GET", f"/jobs/{job_id}")
        except httpx2.TransportError:
            return None  # the API restarts
        if answer.status_code == 503:
            return None
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which process 1 of a container may not reap, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(system: System) -> Iterator[System]:
    """Start a stack and stop it, whatever happens."""
    system.up()
    try:
        yield system
    finally:
        system.down()


def eventually(find: Callable[[], T | None], *, within_s: float, what: str) -> T:
    """Ask until the answer is true; fails with ``what`` was waited for."""
    deadline = time.monotonic() + within_s
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {within_s:.0f} s"
        time.sleep(0.05)
