"""How a verb ends: exit codes, and the error that carries one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from streams.errors import (
    InvalidRequestError,
    InvalidSettingError,
    PartFailedError,
    ScrapestreamError,
    UnavailableError,
    UnknownJobError,
)


class ExitCode(IntEnum):
    """How a verb ended. ``docs/reference/cli.md`` is checked against this class."""

    OK = 0
    FAILED = 1
    """The job or the operation failed."""
    USAGE = 2
    """A wrong option or value, or a request that can never work."""
    CANCELLED = 3
    TIMED_OUT = 4
    """Waited too long; the job still runs."""
    PARTIAL = 5
    """Not everything was found, with ``--fail-on-partial``."""
    UNREACHABLE = 6
    NOT_ALLOWED = 7
    NOT_FOUND = 8
    DRIFTED = 9
    """A site's pages are not as its scraper knows them any more: ``probe``."""
    DETACHED = 130
    """Ctrl-C; the job goes on."""


WORST_FIRST = (
    ExitCode.DETACHED,
    ExitCode.UNREACHABLE,
    ExitCode.NOT_ALLOWED,
    ExitCode.USAGE,
    ExitCode.NOT_FOUND,
    ExitCode.FAILED,
    ExitCode.CANCELLED,
    ExitCode.TIMED_OUT,
    ExitCode.PARTIAL,
    ExitCode.DRIFTED,
    ExitCode.OK,
)
"""Of several jobs the worst counts, and the number does not say which that is."""


class CliError(ScrapestreamError):
    """A verb cannot go on; its text is all that the reader gets."""

    code = "cli"

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code of several jobs together; ok when there are none."""
    return min(codes, key=WORST_FIRST.index, default=ExitCode.OK)


def exit_code_of(error: ScrapestreamError) -> ExitCode:
    """The exit code that stands for ``error``."""
    match error:
        case CliError():
            return error.exit_code
        case InvalidSettingError() | InvalidRequestError():
            return ExitCode.USAGE
        case UnavailableError() | PartFailedError():
            return ExitCode.UNREACHABLE
        case UnknownJobError():
            return ExitCode.NOT_FOUND
        case _:
            return ExitCode.FAILED
