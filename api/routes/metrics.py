"""``GET /metrics``: for Prometheus."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.routes.resource import resource


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def show(request: Request) -> Response:
        page, media_type = api.metrics.page(request.headers.get("accept", ""))
        return Response(page, headers={"Content-Type": media_type})

    return [resource("/metrics", get=show)]
