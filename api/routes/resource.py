"""One path, with what each method does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]


def resource(path: str, *, get: Handler | None = None, **others: Handler) -> Route:
    """A route that knows all its methods, so that ``Allow`` names them all.

    Keywords are methods in lower case; GET answers HEAD too.
    """
    handlers = {method.upper(): handler for method, handler in others.items()}
    if get is not None:
        handlers |= {"GET": get, "HEAD": get}
    return Route(path, _Endpoint(handlers), methods=list(handlers))


class _Endpoint:
    """An ASGI application, for Starlette wraps functions: in what turns errors into answers.

    That is done by ``api.middleware.front`` for all of the API.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self._handlers[scope["method"]](request)
        await response(scope, receive, send)
