"""`up`, `status`, `doctor` and `down` as commands, on real parts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from scrapestream.data_directory import DataDirectory
from scrapestream.guardian import is_alive, members, wait_for_end
from scrapestream.roles import role_part

ROOT = Path(__file__).parents[2]


def run(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapestream", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "stack"
    yield path
    run("down", "--data-dir", str(path))
    stack_id = DataDirectory(path).find_stack_id()
    assert stack_id is None or list(members(stack_id)) == []


def start(path: Path) -> dict[str, Any]:
    done = run("up", "--data-dir", str(path), "--only-parts", "--detach", "--json")
    assert done.returncode == 0, done.stderr
    addresses: dict[str, Any] = json.loads(done.stdout)
    return addresses


def test_a_stack_from_start_to_end_and_again_at_the_same_addresses(path: Path) -> None:
    addresses = start(path)
    assert addresses == json.loads((path / "addresses.json").read_text())
    assert set(addresses["pids"]) == {"up", "guardian", "kafka", "clickhouse", "registry"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700

    second = run("up", "--data-dir", str(path), "--only-parts")
    assert second.returncode == 6
    assert f"pid {addresses['pids']['up']}" in second.stderr
    assert "scrapestream down" in second.stderr
    assert json.loads((path / "addresses.json").read_text()) == addresses, "it was disturbed"

    status = json.loads(run("status", "--data-dir", str(path), "--json").stdout)
    assert status == {**addresses, "running": True}
    doctor = json.loads(run("doctor", "--data-dir", str(path), "--json").stdout)
    states = {finding["name"]: finding["state"] for finding in doctor["findings"]}
    assert {states[name] for name in ("stack", "kafka", "registry", "clickhouse")} == {"ok"}

    processes = [psutil.Process(pid) for pid in addresses["pids"].values()]
    down = run("down", "--data-dir", str(path))
    assert down.returncode == 0, down.stderr
    assert not any(is_alive(process) for process in processes)
    assert not (path / "addresses.json").exists()

    again = start(path)
    assert {**again, "pids": {}} == {**addresses, "pids": {}}
    # A crash of `up` itself: everything ends, and nothing is in the way of the next one.
    processes = [psutil.Process(pid) for pid in again["pids"].values()]
    os.kill(again["pids"]["up"], signal.SIGKILL)
    assert wait_for_end(processes, 15) == []
    gone = run("down", "--data-dir", str(path))
    assert (gone.returncode, "no stack runs" in gone.stderr) == (0, True)
    assert run("status", "--data-dir", str(path)).returncode == 6


def test_a_taken_port_is_named_and_nothing_is_started(path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("up", "--data-dir", str(path), "--port", str(port), "--workers", "0")
    assert done.returncode == 6
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert "--port" in done.stderr
    assert not (path / "kafka").exists()


@pytest.mark.parametrize(
    ("missing", "said"),
    [("java", "openjdk-17-jre-headless"), ("chromium", "apt-get install chromium")],
)
def test_what_is_missing_is_named_with_what_to_do(
    path: Path, tmp_path: Path, missing: str, said: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in {"java", "mvn", "chromium", "chromedriver"} - {missing}:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    options = ("up", "--data-dir", str(path), "--port", "0")
    done = run(*options, environment={"PATH": str(programs)})
    assert done.returncode == 6
    assert said in done.stderr
    assert not (path / "kafka").exists()
    detached = run(*options, "--detach", environment={"PATH": str(programs)})
    assert (detached.returncode, said in detached.stderr) == (6, True)


def test_a_setting_that_cannot_be_used_is_a_usage_error(path: Path) -> None:
    done = run("up", "--data-dir", str(path), environment={"SCRAPESTREAM_LEASE_S": "soon"})
    assert done.returncode == 2
    assert "lease_s" in done.stderr
    assert not (path / "kafka").exists()


def test_only_the_roles_that_read_webhook_secrets_get_the_key(path: Path) -> None:
    directory = DataDirectory(path)
    directory.make()
    environment = {"SCRAPESTREAM_SECRET_KEY": directory.secret_key()}
    keys = {
        name: role_part(directory, name, environment).environment["SCRAPESTREAM_SECRET_KEY"]
        for name in ("api", "webhooks", "orchestrator", "materializer", "places", "worker-1")
    }
    assert {name for name, key in keys.items() if key} == {"api", "webhooks"}
    assert stat.S_IMODE((path / "secret-key").stat().st_mode) == 0o600


def test_down_where_nothing_runs_says_so(path: Path) -> None:
    done = run("down", "--data-dir", str(path))
    assert done.returncode == 0
    assert "no stack runs" in done.stderr
    assert not path.exists()
