"""``dlq``: what it takes for a time, and what it refuses before it asks anybody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from scrapestream.cli.app import app
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.times import since_moment

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90m", "2026-11-22T10:30:00+00:00"),
        ("2026-11-22T11:00:00Z", "2026-11-22T11:00:00+00:00"),
        ("2026-11-22T11:00", "2026-11-22T11:00:00+00:00"),
    ],
)
def test_since_is_a_time_or_so_long_ago(text: str, at: str) -> None:
    assert since_moment(text, NOW) == at


def test_since_must_be_one_of_them() -> None:
    with pytest.raises(CliError):
        since_moment("yesterday", NOW)


@pytest.mark.parametrize("verb", ["requeue", "drop"])
def test_nothing_is_resolved_without_saying_what(verb: str) -> None:
    result = CliRunner().invoke(app, ["dlq", verb])
    assert result.exit_code == ExitCode.USAGE
    assert "--all" in result.output


@pytest.mark.parametrize("letter", ["scrape-dlq", "../../jobs", "a/b/c/d"])
def test_an_id_that_is_none_is_not_asked_for(letter: str) -> None:
    result = CliRunner().invoke(app, ["dlq", "show", letter])
    assert result.exit_code == ExitCode.USAGE
