"""What ``doctor`` says of the storage of result files."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrapestream.machine import check_results
from streams.settings import Settings

SECRET = "not-for-your-eyes"


def test_without_a_storage_doctor_says_so() -> None:
    assert check_results(Settings()).state == "ok"
    assert check_results(Settings()).found == "not kept as files"


def test_a_directory_that_can_be_used_is_fine(tmp_path: Path) -> None:
    finding = check_results(Settings(results_url=tmp_path.as_uri(), results_days=30))
    assert finding.state == "ok"
    assert "deleted after 30 days" in finding.found


def test_a_file_where_a_directory_should_be_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("no directory")
    finding = check_results(Settings(results_url=(tmp_path / "results").as_uri()))
    assert finding.state == "problem"
    assert "RESULTS_URL" in finding.found
    assert finding.fix


def test_a_server_that_does_not_answer_is_a_problem_without_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "known")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    finding = check_results(Settings(results_url="s3://bucket"))
    assert finding.state == "problem"
    assert "did not list" in finding.found
    assert SECRET not in finding.found + finding.fix
