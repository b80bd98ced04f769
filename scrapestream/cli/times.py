"""Times and durations as they are given on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from scrapestream.cli.exits import CliError, ExitCode

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def duration_s(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h30m`` or ``90``.

    Raises:
        CliError: it is none of these, or zero.
    """
    match = _DURATION.fullmatch(text.strip())
    hours, minutes, seconds = match.groups(default="0") if match else ("0", "0", "0")
    total_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if not total_s:
        raise CliError(f"{text!r} is no time such as 90s, 10m or 1h30m", ExitCode.USAGE)
    return total_s


def since_moment(text: str, now: datetime) -> str:
    """The time of ``--since`` as the API reads it.

    Raises:
        CliError: it is neither a time nor a duration.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return (now - timedelta(seconds=duration_s(text))).isoformat()
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat()
