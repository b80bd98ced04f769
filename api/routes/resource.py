"""One path, with what each method does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


def resource(path: str, *, get: Handler | None = None, **others: Handler) -> Route:
    """A route that knows all its methods, so that ``Allow`` names them all.

    Keywords are methods in lower case; GET answers HEAD too.
    """
    handlers = {method.upper(): handler for method, handler in others.items()}
    if get is not None:
        handlers |= {"GET": get, "HEAD": get}

    async def endpoint(request: Request) -> Response:
        return await handlers[request.method](request)

    return Route(path, endpoint, methods=list(handlers))
