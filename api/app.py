"""The ASGI application: routes, middleware, errors."""

from __future__ import annotations

import secrets

from asgi_correlation_id import CorrelationIdMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from api.middleware.age import DataAge
from api.middleware.headers import SecurityHeaders
from api.middleware.limits import BodyLimit
from api.middleware.measure import Measure
from api.middleware.problems import Problems
from api.middleware.trace import TraceContext, is_request_id
from api.parts import Api, ApiParts, assembled
from api.problems import problem_response
from api.routes import (
    about,
    again,
    asyncapi,
    batches,
    dlq,
    events,
    files,
    health,
    history,
    jobs,
    keys,
    metrics,
    monitors,
    page,
    places,
    replays,
    reviews,
    scrape,
    stream,
    workers,
)
from streams.errors import ScrapestreamError

__all__ = ["ApiParts", "api_of", "build_app"]

# In the order in which a request looks for its route: the busiest first.
RESOURCES = (
    scrape,
    about,
    page,
    batches,
    again,
    jobs,
    monitors,
    dlq,
    replays,
    reviews,
    files,
    places,
    stream,
    events,
    history,
    workers,
    keys,
    health,
    metrics,
    asyncapi,
)


def build_app(parts: ApiParts) -> Starlette:
    """The application. It starts nothing: ``api.server.serve`` runs what works behind it."""
    api = assembled(parts)

    async def answer(request: Request, error: Exception) -> Response:
        return problem_response(request, error, api.links)

    app = Starlette(
        routes=[route for resource in RESOURCES for route in resource.routes(api)],
        middleware=[
            Middleware(
                CorrelationIdMiddleware,
                header_name="X-Request-ID",
                generator=lambda: secrets.token_hex(16),
                validator=is_request_id,
            ),
            Middleware(SecurityHeaders),
            Middleware(Measure, metrics=api.metrics),
            Middleware(Problems, links=api.links),
            Middleware(DataAge, age=parts.live.store_age),
            Middleware(TraceContext),
            Middleware(
                BodyLimit,
                most_bytes=parts.settings.max_body_bytes,
                larger={batches.SUBMIT_PATH: parts.settings.max_batch_body_bytes},
            ),
        ],
        exception_handlers={HTTPException: answer, ScrapestreamError: answer},
    )
    app.router.redirect_slashes = False
    app.state.api = api
    return app


def api_of(app: Starlette) -> Api:
    """What ``app`` was built from."""
    api = app.state.api
    assert isinstance(api, Api)  # noqa: S101 - build_app put it there
    return api
