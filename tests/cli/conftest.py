"""A scripted API, and the command run against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scrapestream.cli.app import app
from tests.support.command import Run
from tests.support.scripted_api import ScriptedApi, serve


@pytest.fixture(scope="session")
def scripted() -> Iterator[tuple[ScriptedApi, str]]:
    """One server for all tests of the command, and its address."""
    api = ScriptedApi()
    with serve(api) as url:
        yield api, url


@pytest.fixture
def api(scripted: tuple[ScriptedApi, str]) -> ScriptedApi:
    """An empty script; jobs are added by the test."""
    scripted[0].forget()
    return scripted[0]


@pytest.fixture
def address(scripted: tuple[ScriptedApi, str]) -> str:
    """Where `api` is served."""
    return scripted[1]


@pytest.fixture
def run(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process against `api`, in an empty directory."""
    monkeypatch.setenv("SCRAPESTREAM_PUBLIC_URL", address)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return runner.invoke(app, list(arguments), input=stdin, catch_exceptions=False)

    return invoke
