"""Serves the lists of demo places batch by batch, also as Google's own answers, and fails."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.demo.answers import answer_of
from embedded.demo.cards import render
from embedded.demo.generator import demo_review, list_order
from embedded.demo.visit import MAX_REVIEWS, Visit, number_in

REPEATED = 3
"""Cards of the batch before that come again where a list has duplicates."""
ReadVisit = Callable[[str, Mapping[str, str], str], Visit]
"""Gives the visit of a place's name, its query, and the query as it stands in the URL."""


class Batches:
    """Routes of the lists. All is a function of the URL, but that crashes and hangs are counted."""

    def __init__(self, read_visit: ReadVisit, counted_from: datetime) -> None:
        """Take how visits are read, and from when the ages of exact dates count back."""
        self._read_visit = read_visit
        self._counted_from = counted_from
        self._acted: Counter[str] = Counter()
        """How often a place has crashed or hung, by its path and query."""

    def routes(self) -> list[Route]:
        """The list as cards, and as the two answers of Google's."""
        return [
            Route("/maps/place/{name}/reviews.json", self._cards),
            Route("/maps/_/MapsWizUi/data/batchexecute", self._batchexecute, methods=["POST"]),
            Route("/maps/rpc/listugcposts", self._listugcposts),
        ]

    async def _cards(self, request: Request) -> Response:
        query = request.query_params
        visit = self._read_visit(request.path_params["name"], query, str(request.url.query))
        offset = number_in(query.get("offset"), 0, MAX_REVIEWS)
        if not visit.network:  # else the answer before it was late, or failed
            await asyncio.sleep(visit.latency_ms / 1_000)
            failure = _failure(visit, offset)
            if failure is not None:
                return failure
        if visit.is_stuck(offset):
            return JSONResponse({"cards": [], "next": offset})
        origin = origin_of(request)
        cards = [
            render(demo_review(visit.key, index), origin, visit.look)
            for index in _indexes(visit, offset)
        ]
        act = self._act(visit, offset, query.get("list", ""))
        return JSONResponse({"cards": cards, "next": _following(visit, offset), "act": act})

    async def _batchexecute(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        try:
            ((call,),) = json.loads(form["f.req"][0])
            cursor = json.loads(call[1])[1]
        except (KeyError, TypeError, ValueError, IndexError):
            return Response("f.req cannot be read", status_code=400)
        return await self._answer(request, cursor)

    async def _listugcposts(self, request: Request) -> Response:
        return await self._answer(request, request.query_params.get("cursor"))

    async def _answer(self, request: Request, cursor: str | None) -> Response:
        """Reviews in Google's shape; ``source-path`` is the place's path and query."""
        source = urlsplit(request.query_params.get("source-path", ""))
        name = source.path.removeprefix("/maps/place/")
        visit = self._read_visit(name, dict(parse_qsl(source.query)), source.query)
        offset = number_in(cursor, 0, MAX_REVIEWS)
        await asyncio.sleep(visit.latency_ms / 1_000)
        failure = _failure(visit, offset)
        if failure is not None:
            return failure
        indexes = [] if visit.is_stuck(offset) else _indexes(visit, offset)
        following = offset if visit.is_stuck(offset) else _following(visit, offset)
        text = answer_of(
            [demo_review(visit.key, index) for index in indexes],
            cursor=None if following is None else str(following),
            shape=visit.network or "network",
            base_url=origin_of(request),
            counted_from=self._counted_from,
            look=visit.look,
        )
        return Response(text, media_type="application/json; charset=utf-8")

    def _act(self, visit: Visit, offset: int, place: str) -> str:
        """What the page's script shall do to itself: empty, ``crash`` or ``hang``."""
        number, faults = offset // visit.batch + 1, visit.faults
        orders = (("crash", faults.crash, faults.crashes), ("hang", faults.hang, faults.hangs))
        for act, at, most in orders:
            done = f"{act} {place or visit.base_url}"
            if number == at and self._acted[done] < most:
                self._acted[done] += 1
                return act
        return ""


def origin_of(request: Request) -> str:
    """The site's address as its visitor knows it."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _indexes(visit: Visit, offset: int) -> Sequence[int]:
    start = max(0, offset - REPEATED) if visit.has_duplicates else offset
    return list_order(visit.key, visit.sort)[start : min(offset + visit.batch, visit.end)]


def _following(visit: Visit, offset: int) -> int | None:
    following = offset + visit.batch
    return following if following < visit.end else None


def _failure(visit: Visit, offset: int) -> Response | None:
    number, faults = offset // visit.batch + 1, visit.faults
    if faults.sorry_at is not None and number >= faults.sorry_at:
        return _refused(429, faults.retry_after_s, {"sorry": "/sorry/index"})
    if number == faults.error_at and visit.tries < faults.errors:
        return _refused(faults.error_status, faults.retry_after_s, {})
    return None


def _refused(status: int, retry_after_s: int, body: Mapping[str, Any]) -> Response:
    return JSONResponse(body, status_code=status, headers={"Retry-After": str(retry_after_s)})
