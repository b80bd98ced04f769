"""A site on this machine that behaves like Google Maps for a scraper, and receives webhooks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from embedded.demo.answers import exact_truth_of
from embedded.demo.batches import Batches, origin_of
from embedded.demo.cards import render
from embedded.demo.generator import (
    DEFAULT_PLACE,
    DEFAULT_REVIEWS,
    DEFAULT_SEED,
    PlaceKey,
    demo_review,
    list_order,
    star_list,
    truth_of,
)
from embedded.demo.home import about_page, home_page
from embedded.demo.inbox import Inbox
from embedded.demo.labels import labels_in
from embedded.demo.pages import (
    announced_stars,
    captcha_page,
    consent_page,
    not_found_page,
    page,
    place_page,
    results_page,
)
from embedded.demo.visit import Visit, read_visit

COOKIE = "SOCS"
ABOUT_THE_WAY = ("view", "results")
"""Parameters of a page before the place; the place itself is without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What a place is when its URL does not say otherwise."""

    reviews: int = DEFAULT_REVIEWS
    latency_ms: int = 100
    """Time each batch takes, milliseconds."""
    seed: int = DEFAULT_SEED


class DemoSite:
    """The site's routes. Every page is a function of its URL."""

    def __init__(self, settings: DemoSettings) -> None:
        """Take the defaults of all places."""
        self._settings = settings
        self._counted_from = datetime.now(UTC)
        """Exact dates count back from here, and so stay the same."""

    def app(self) -> Starlette:
        """The ASGI application."""
        static = StaticFiles(directory=Path(__file__).parent / "demo" / "static")
        return Starlette(
            routes=[
                Route("/", self._home),
                Route("/demo", self._demo),
                Route("/about", self._about),
                *Batches(self._visit, self._counted_from).routes(),
                Route("/maps/place/{name:path}", self._place),
                Route("/maps/search/{name:path}", self._search),
                Route("/short/{name:path}", self._short),
                Route("/truth/{name:path}", self._truth),
                Route("/consent", self._consent),
                Route("/consent/save", self._save_consent, methods=["POST"]),
                Route("/sorry/index", self._captcha),
                Route("/demo-pictures/{kind}/{name}.svg", self._picture),
                Mount("/static", static),
                *Inbox().routes(),
            ]
        )

    def _visit(self, name: str, query: Mapping[str, str], text: str) -> Visit:
        settings = self._settings
        return read_visit(
            name,
            query,
            text=text,
            reviews=settings.reviews,
            latency_ms=settings.latency_ms,
            seed=settings.seed,
        )

    def _visit_of(self, request: Request) -> Visit:
        name, query = request.path_params["name"], request.query_params
        return self._visit(name, query, str(request.url.query))

    async def _place(self, request: Request) -> Response:
        visit = self._visit_of(request)
        labels = visit.look.labels
        match visit.view:
            case "consent":
                if COOKIE not in request.cookies:
                    target = f"{request.url.path}?{request.url.query}"
                    asked = urlencode({"continue": target, "hl": labels.language})
                    return RedirectResponse(f"/consent?{asked}")
                visit = replace(visit, view="")
            case "captcha":
                return RedirectResponse("/sorry/index")
            case "not_a_place":
                return HTMLResponse(not_found_page(labels))
            case "results":
                return _results(visit)
            case "blank":
                return HTMLResponse(page("Google Maps", '<div id="app-container"></div>'))
        return HTMLResponse(self._shown(visit, origin_of(request)))

    def _shown(self, visit: Visit, origin: str) -> str:
        """The page of the place itself."""
        cards = [
            render(demo_review(visit.key, index), origin, visit.look)
            for index in range(min(3, visit.key.reviews))
        ]
        return place_page(
            visit.key,
            has_menu=visit.has_menu,
            has_sort=visit.has_sort,
            view=visit.view,
            first_cards=cards,
            list_url=f"{visit.base_url}/reviews.json?{visit.query}",
            look=visit.look,
            announced=visit.announced,
            script_options={
                "network": visit.network,
                "virtual": visit.is_virtual,
                "scroll": visit.scroll,
                "slow_open_ms": visit.slow_open_ms,
            },
        )

    async def _search(self, request: Request) -> Response:
        return _results(self._visit_of(request))

    async def _short(self, request: Request) -> Response:
        """As links that people share: an address that leads to the place."""
        visit = self._visit_of(request)
        return RedirectResponse(f"{visit.base_url}?{visit.query}")

    async def _truth(self, request: Request) -> Response:
        visit = self._visit_of(request)
        key, origin = visit.key, origin_of(request)
        items = []
        for position, index in enumerate(list_order(key, visit.sort), 1):
            review = demo_review(key, index)
            if visit.network:
                truth = exact_truth_of(
                    review, origin, counted_from=self._counted_from, look=visit.look
                )
                if not visit.look.is_readable:
                    truth["likes"] = None  # the answers do not hold them
            else:
                truth = truth_of(review, origin, look=visit.look)
            items.append({**_as_json(truth), "position": position})
        stars = star_list(key)
        counts = announced_stars(key, visit.announced)
        place = {
            "title": key.name,
            "rating": round(sum(stars) / len(stars), 1) if stars else None,
            "reviews_total": visit.announced,
            "histogram": {str(star): counts[star] for star in (5, 4, 3, 2, 1)},
        }
        return JSONResponse({"place": place, "items": items[: visit.end]})

    async def _demo(self, request: Request) -> Response:
        key = PlaceKey(seed=self._settings.seed)
        place_id = f"data=!4m7!3m6!1s{key.feature_id}!8m2!3d48.2104!4d16.3655"
        return RedirectResponse(
            f"/maps/place/{quote_plus(DEFAULT_PLACE)}/@48.2104,16.3655,17z/{place_id}"
        )

    async def _home(self, request: Request) -> Response:
        return HTMLResponse(home_page())

    async def _about(self, request: Request) -> Response:
        return HTMLResponse(about_page())

    async def _consent(self, request: Request) -> Response:
        query = request.query_params
        target = _local(query.get("continue", "/"))
        return HTMLResponse(consent_page(target, labels_in(query.get("hl", "en"))))

    async def _save_consent(self, request: Request) -> Response:
        # The form has two short fields; no parser is needed for them.
        body = (await request.body()).decode("utf-8", "replace")
        fields = Request({"type": "http", "query_string": body.encode(), "headers": []})
        target = _local(fields.query_params.get("continue", "/"))
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(COOKIE, "demo")
        return response

    async def _captcha(self, request: Request) -> Response:
        return HTMLResponse(captcha_page(), status_code=429)

    async def _picture(self, request: Request) -> Response:
        hue = sum(map(ord, request.path_params["name"])) * 37 % 360
        shape = (
            '<circle cx="60" cy="52" r="26" fill="#fff9"/><path d="M40 52h40v26H40z" fill="#fff7"/>'
        )
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120">'
            f'<rect width="120" height="120" fill="hsl({hue} 45% 58%)"/>{shape}</svg>'
        )
        return Response(svg, media_type="image/svg+xml")


@contextmanager
def open_demo_site(
    settings: DemoSettings | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """Serve the site from a thread of this process; gives its address, such as http://127.0.0.1:8099.

    Raises:
        OSError: the port is taken.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        server = uvicorn.Server(_config(settings or DemoSettings()))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="demo-site", daemon=True
        )
        thread.start()
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def serve(settings: DemoSettings, *, host: str, port: int) -> None:
    """Serve the site until the process is told to stop."""
    config = _config(settings)
    config.host, config.port = host, port
    uvicorn.Server(config).run()


def _config(settings: DemoSettings) -> uvicorn.Config:
    return uvicorn.Config(
        DemoSite(settings).app(), log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )


def _results(visit: Visit) -> Response:
    """Places for a search: the one of its name alone, among others, or only others."""
    name = visit.key.name
    others = [f"{name} {number}" for number in range(1, 6)]
    names = {"one": [name], "named": [*others[:2], name, *others[2:]]}.get(visit.results, others)
    kept = [part for part in parse_qsl(visit.query) if part[0] not in ABOUT_THE_WAY]
    text = results_page(
        name,
        names,
        has_sponsored=visit.results == "one",
        query=urlencode(kept),
        language=visit.look.labels.language,
    )
    return HTMLResponse(text)


def _local(target: str) -> str:
    """``target`` when it leads to this site, else its home."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _as_json(truth: dict[str, Any]) -> dict[str, Any]:
    return {**truth, "published_at": truth["published_at"].isoformat()}
