"""The ASGI application: routes, middleware, errors."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from api.middleware.front import Front
from api.parts import Api, ApiParts, assembled
from api.routes import (
    about,
    again,
    asyncapi,
    batches,
    dlq,
    erasures,
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
    erasures,
    health,
    metrics,
    asyncapi,
)


def build_app(parts: ApiParts) -> Starlette:
    """The application. It starts nothing: ``api.server.serve`` runs what works behind it."""
    api = assembled(parts)

    app = _Application(
        api, routes=[route for resource in RESOURCES for route in resource.routes(api)]
    )
    app.router.redirect_slashes = False
    return app


class _Application(Starlette):
    """Starlette with our one middleware alone: it does what Starlette's own two do for others."""

    def __init__(self, api: Api, routes: Sequence[BaseRoute]) -> None:
        super().__init__(routes=routes)
        self.state.api = api

    def build_middleware_stack(self) -> ASGIApp:
        api: Api = self.state.api
        settings = api.parts.settings
        return Front(
            self.router,
            metrics=api.metrics,
            links=api.links,
            age=api.parts.live.store_age,
            most_body_bytes=settings.max_body_bytes,
            larger_bodies={batches.SUBMIT_PATH: settings.max_batch_body_bytes},
        )


def api_of(app: Starlette) -> Api:
    """What ``app`` was built from."""
    api = app.state.api
    assert isinstance(api, Api)  # noqa: S101 - build_app put it there
    return api
