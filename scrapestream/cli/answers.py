"""What the API's answers mean to the command line: objects, problems, silence."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from scrapestream.cli.exits import CliError, ExitCode

Body = dict[str, Any]

_EXIT_CODES = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    429: ExitCode.UNREACHABLE,
    413: ExitCode.USAGE,
    415: ExitCode.USAGE,
    422: ExitCode.USAGE,
    502: ExitCode.UNREACHABLE,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.UNREACHABLE,
}


class UnreachableError(CliError):
    """Nobody answers at the API's address."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"no answer from {address} ({reason}); is the stack running? scrapestream status",
            ExitCode.UNREACHABLE,
        )


class RefusedError(CliError):
    """The API answered no; its text is the problem's title and detail."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, _EXIT_CODES.get(status, ExitCode.FAILED))
        self.status = status


def reason_of(error: httpx2.TransportError) -> str:
    """What went wrong on the way, as text."""
    return str(error) or type(error).__name__


def object_in(text: str) -> Body:
    """The JSON object that ``text`` is."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CliError("the answer is no JSON object; is this address a Scrapestream API?")
    return value


def refusal_of(response: httpx2.Response) -> RefusedError:
    """The problem that an answer tells."""
    try:
        problem = response.json()
        parts = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
        code = f" [{problem['code']}]" if problem.get("code") else ""
        text = ": ".join(dict.fromkeys(parts)) + code
    except (ValueError, AttributeError, TypeError):
        text = ""
    return RefusedError(
        response.status_code, text or f"{response.status_code} {response.reason_phrase}"
    )
