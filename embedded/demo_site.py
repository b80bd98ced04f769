"""A site on this machine that behaves like Google Maps for a scraper, and receives webhooks."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

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
from embedded.demo.inbox import Inbox
from embedded.demo.pages import captcha_page, consent_page, page, place_page, results_page
from embedded.demo.visit import MAX_REVIEWS, Visit, number_in, read_visit

VIEWS = ("no_reviews", "limited", "consent", "captcha", "not_a_place", "results", "blank")
COOKIE = "SOCS"


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

    def app(self) -> Starlette:
        """The ASGI application."""
        static = StaticFiles(directory=Path(__file__).parent / "demo" / "static")
        return Starlette(
            routes=[
                Route("/", self._home),
                Route("/demo", self._demo),
                Route("/about", self._about),
                Route("/maps/place/{name}/reviews.json", self._batch),
                Route("/maps/place/{name:path}", self._place),
                Route("/truth/{name:path}", self._truth),
                Route("/consent", self._consent),
                Route("/consent/save", self._save_consent, methods=["POST"]),
                Route("/sorry/index", self._captcha),
                Route("/demo-pictures/{kind}/{name}.svg", self._picture),
                Mount("/static", static),
                *Inbox().routes(),
            ]
        )

    def _visit(self, request: Request) -> Visit:
        settings = self._settings
        return read_visit(
            request, reviews=settings.reviews, latency_ms=settings.latency_ms, seed=settings.seed
        )

    async def _place(self, request: Request) -> Response:
        visit = self._visit(request)
        match visit.view:
            case "consent":
                if COOKIE not in request.cookies:
                    target = f"{request.url.path}?{request.url.query}"
                    return RedirectResponse(f"/consent?{urlencode({'continue': target})}")
                visit = replace(visit, view="")
            case "captcha":
                return RedirectResponse("/sorry/index")
            case "not_a_place":
                body = (
                    "<main role='main'><h2>Google Maps can't find this place</h2><p>Make sure "
                    "that your search is spelled correctly, or add a city and a biscuit.</p></main>"
                )
                return HTMLResponse(page("Google Maps", body))
            case "results":
                return HTMLResponse(results_page(visit.key.name))
            case "blank":
                return HTMLResponse(page("Google Maps", '<div id="app-container"></div>'))
        cards = [
            render(demo_review(visit.key, index), _origin(request), visit.layout)
            for index in range(min(3, visit.key.reviews))
        ]
        return HTMLResponse(
            place_page(
                visit.key,
                has_menu=visit.has_menu,
                has_sort=visit.has_sort,
                view=visit.view,
                first_cards=cards,
                list_url=f"{visit.base_url}/reviews.json?{visit.query}",
            )
        )

    async def _batch(self, request: Request) -> Response:
        visit = self._visit(request)
        offset = number_in(request.query_params.get("offset"), 0, MAX_REVIEWS)
        await asyncio.sleep(visit.latency_ms / 1_000)
        end = visit.key.reviews if visit.stop_at is None else min(visit.stop_at, visit.key.reviews)
        if visit.is_stuck(offset):
            return JSONResponse({"cards": [], "next": offset})
        indexes = list_order(visit.key, visit.sort)[offset : min(offset + visit.batch, end)]
        cards = [
            render(demo_review(visit.key, index), _origin(request), visit.layout)
            for index in indexes
        ]
        following = offset + visit.batch
        return JSONResponse({"cards": cards, "next": following if following < end else None})

    async def _truth(self, request: Request) -> Response:
        visit = self._visit(request)
        key, origin = visit.key, _origin(request)
        stars = star_list(key)
        items = [
            {**_as_json(truth_of(demo_review(key, index), origin)), "position": position}
            for position, index in enumerate(list_order(key, visit.sort), 1)
        ]
        rating = round(sum(stars) / len(stars), 1) if stars else None
        place = {
            "title": key.name,
            "rating": rating,
            "reviews_total": key.reviews,
            "histogram": {str(star): stars.count(star) for star in (5, 4, 3, 2, 1)},
        }
        return JSONResponse({"place": place, "items": items})

    async def _demo(self, request: Request) -> Response:
        key = PlaceKey(seed=self._settings.seed)
        place_id = f"data=!4m7!3m6!1s{key.feature_id}!8m2!3d48.2104!4d16.3655"
        return RedirectResponse(
            f"/maps/place/{quote_plus(DEFAULT_PLACE)}/@48.2104,16.3655,17z/{place_id}"
        )

    async def _home(self, request: Request) -> Response:
        base = f"/maps/place/{quote_plus(DEFAULT_PLACE)}"
        links = [("the default place", "/demo"), ("one review", f"{base}?reviews=1")]
        links += [("no Menu tab", f"{base}?menu=0"), ("2,000 reviews", f"{base}?reviews=2000")]
        links += [(view, f"{base}?view={view}") for view in VIEWS]
        links += [
            ("hotel layout", f"{base}?layout=hotel"),
            ("list that stops", f"{base}?stop_at=30"),
            ("list that hangs until it is loaded again", f"{base}?reload_at=30"),
            ("no menu of orders", f"{base}?sort_menu=0"),
        ]
        links += [("what the default place holds", f"/truth/{quote_plus(DEFAULT_PLACE)}")]
        links += [("a page that is no place", "/about"), ("webhooks received", "/inbox")]
        items = "".join(f'<li><a href="{url}">{name}</a></li>' for name, url in links)
        return HTMLResponse(
            page(
                "Demo site",
                "<main><h1>Scrapestream's demo site</h1><p>Places that look like Google Maps to a "
                "scraper. All of it is made up here, from a seed.</p><p>Parameters of a place: "
                "<code>reviews</code> <code>latency_ms</code> <code>seed</code> <code>menu</code> "
                "<code>batch</code> <code>view</code> <code>layout</code> <code>stop_at</code> "
                "<code>stuck_at</code> <code>reload_at</code> <code>reloads</code> "
                "<code>sort_menu</code>; of its truth "
                f"also <code>sort</code>.</p><ul>{items}</ul></main>",
            )
        )

    async def _about(self, request: Request) -> Response:
        body = "<main><h2>About</h2><p>No place: it has feelings, but no reviews.</p></main>"
        return HTMLResponse(page("About", body))

    async def _consent(self, request: Request) -> Response:
        return HTMLResponse(consent_page(_local(request.query_params.get("continue", "/"))))

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


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _local(target: str) -> str:
    """``target`` when it leads to this site, else its home."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _as_json(truth: dict[str, Any]) -> dict[str, Any]:
    return {**truth, "published_at": truth["published_at"].isoformat()}
