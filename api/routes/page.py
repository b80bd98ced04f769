"""The page for people: its files, and whether a client wants it."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.routes.resource import resource

FILES = Path(__file__).parents[1] / "page"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
HEADERS = {
    # Everything comes from us; nothing inline, no remote picture, no frame around it.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def script(request: Request) -> Response:
        return page_file("app.js")

    async def style(request: Request) -> Response:
        return page_file("style.css")

    return [resource("/page/app.js", get=script), resource("/page/style.css", get=style)]


def page_file(name: str) -> Response:
    """One of the page's files."""
    path = FILES / name
    return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers=HEADERS)


def wants_page(request: Request) -> bool:
    """Whether a browser asks, not a program."""
    return "text/html" in request.headers.get("accept", "")
