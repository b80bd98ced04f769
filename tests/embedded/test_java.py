"""How a Java part is started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from embedded.java import archive_of, jvm
from streams.errors import PartFailedError


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    path = tmp_path / "kafka"
    path.mkdir()
    return path


def test_a_part_starts_without_an_archive_of_classes_until_there_is_one(jars: Path) -> None:
    assert not any("SharedArchiveFile" in flag for flag in jvm(jars))
    archive_of(jars).touch()
    assert f"-XX:SharedArchiveFile={archive_of(jars)}" in jvm(jars)


def test_an_archive_that_cannot_be_used_is_passed_over_without_a_word(jars: Path) -> None:
    archive_of(jars).write_bytes(b"no archive")
    told = subprocess.run([*jvm(jars), "-version"], capture_output=True, text=True, check=True)
    assert told.stdout == ""
    assert "jsa" not in told.stderr


def test_another_java_has_another_archive(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = archive_of(jars)
    other = tmp_path / "bin" / "java"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    assert archive_of(jars) != before
    assert archive_of(jars).parent == before.parent


def test_without_java_it_is_said_what_to_install(
    jars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(PartFailedError, match="apt-get install"):
        jvm(jars)
