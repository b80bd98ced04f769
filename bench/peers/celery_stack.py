"""Sets the peer up by itself and runs it: Redis with its append-only file, uvicorn, a worker."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".cache" / "bench-peer"
PACKAGES = ("fastapi", "celery[redis]", "uvicorn[standard]")
START_S = 30.0
APP = "bench.peers.celery_app"


@contextmanager
def running(directory: Path, *, with_worker: bool) -> Iterator[tuple[str, int]]:
    """The address of the peer's API, and its process id.

    ``with_worker``: a Celery worker drains the queue. Installs Redis (apt) and the
    packages (pip, in an environment of their own) when missing.
    """
    python = _set_up()
    redis, api = _free_port(), _free_port()
    environment = {**os.environ, "PEER_REDIS": f"redis://127.0.0.1:{redis}/0"}
    redis_options = f"--port {redis} --bind 127.0.0.1 --appendonly yes --save".split()
    worker_options = ["--loglevel", "ERROR", "--concurrency", "1"]
    api_options = f"--port {api} --log-level error --no-access-log".split()
    with ExitStack() as stack:

        def start(*command: str) -> int:
            return stack.enter_context(_process(command, environment))

        start("redis-server", *redis_options, "", "--dir", str(directory))
        _wait_for(redis)
        if with_worker:
            start(python, "-m", "celery", "-A", f"{APP}:queue", "worker", *worker_options)
        pid = start(python, "-m", "uvicorn", f"{APP}:app", *api_options)
        _wait_for(api)
        yield f"http://127.0.0.1:{api}", pid


def _set_up() -> str:
    """The Python of the peer's environment."""
    if shutil.which("redis-server") is None:
        print("  installing redis-server with apt-get", flush=True)
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "redis-server"]):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "ready").exists():
        print(f"  installing {', '.join(PACKAGES)} into {ENVIRONMENT}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        (ENVIRONMENT / "ready").touch()
    return str(python)


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str]) -> Iterator[int]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    """Return once somebody listens.

    Raises:
        RuntimeError: nobody did in time.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")
