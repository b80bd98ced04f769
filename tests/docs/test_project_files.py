"""Files that make the project run on a fresh machine."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

from scrapestream import __version__

ROOT = Path(__file__).parents[2]
TARGETS = {"help", "setup", "demo", "up", "test", "lint", "bench", "clean"}
SCRIPTS = (ROOT / ".ci" / "run", ROOT / "scripts" / "setup.sh")


def test_the_lock_file_has_hashes_and_names_no_host() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z0-9]", line)]

    assert not [line for line in lines if "://" in line or line.startswith("-")]
    assert pins
    for number in pins:
        assert "==" in lines[number]
        assert lines[number + 1].lstrip().startswith("--hash=sha256:"), lines[number]


def test_the_lock_file_has_everything_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lock = (ROOT / "requirements.lock").read_text()

    for requirement in wanted:
        name = re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()
        assert re.search(rf"^{re.escape(name)}(\[[a-z,]+\])?==", lock, re.MULTILINE), name


def test_the_build_backend_is_locked_so_that_the_project_installs_without_a_network() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert (
        project["build-system"]["requires"][0] in project["project"]["optional-dependencies"]["dev"]
    )


def test_the_version_stands_in_two_places_and_is_one() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def test_make_lists_its_targets() -> None:
    result = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)

    listed = dict(re.findall(r"^ +make (\w+) +(\S.*)$", result.stdout, re.MULTILINE))
    assert set(listed) == TARGETS
    assert all(text.endswith(".") for text in listed.values())


def test_ci_runs_the_linters_and_the_tests() -> None:
    assert "make lint\nmake test" in (ROOT / ".ci" / "run").read_text()


def test_scripts_are_strict_and_can_be_run() -> None:
    for script in SCRIPTS:
        assert os.access(script, os.X_OK), script
        assert "set -euo pipefail" in script.read_text()
        subprocess.run(["bash", "-n", script], check=True)
