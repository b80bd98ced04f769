"""``/places``: places over all their scrapes, their reviews as they stand, and what changed."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.exports import wanted_form, wants_bom
from api.parts import Api
from api.payloads import json_response
from api.place_exports import place_file, read_place_rows
from api.problems import MalformedRequestError
from api.query_values import check_names, read_flag, read_text, read_time, read_words
from api.requests import JobCursor, cursor_text, read_cursor, read_limit
from api.routes.resource import resource
from streams.domain.place import CHANGES, PLACE_EVENT_TYPES
from streams.errors import UnknownPlaceError
from streams.place_queries import ChangeQuery, PlaceQuery, PlaceReader, ReviewQuery

A_PAGE = 100
MOST_A_PAGE = 1_000
TENANT = "public"  # as of every job; see docs/decisions/0012-place-history.md
PLACE_ID = re.compile(r"[0-9a-f]{32}")
PAGE_NAMES = frozenset({"limit", "cursor"})
REVIEW_NAMES = PAGE_NAMES | {
    *("rating", "language", "from", "to", "q", "has_photo", "has_reply"),
    *("changed", "changed_since", "removed", "format", "bom"),
}
REMOVED = {"false": True, "true": None, "only": False}
"""For each value of ``removed``, whether reviews must be present."""


class ReviewCursor(msgspec.Struct, array_like=True, frozen=True):
    """The last review of a page."""

    published_us: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    review_id: Annotated[str, msgspec.Meta(max_length=512)]


class ChangeCursor(msgspec.Struct, array_like=True, frozen=True):
    """The last change of a page."""

    offset: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    reader = api.parts.places
    if reader is None:
        return []
    building = asyncio.Semaphore(1)  # a workbook keeps a core busy

    async def list_places(request: Request) -> Response:
        check_names(request, PAGE_NAMES | {"q"})
        cursor = read_cursor(request, JobCursor)
        query = PlaceQuery(
            tenant=TENANT,
            text=read_text(request, "q"),
            before=(cursor.created_at, cursor.job_id) if cursor else None,
            limit=read_limit(request, default=A_PAGE, most=MOST_A_PAGE),
        )
        found = await reader.find_places(query)
        page, last = found[: query.limit], None
        if len(found) > query.limit:
            last = JobCursor(page[-1]["scraped_at"], page[-1]["place_id"])
        return _page(api, request, {"places": page}, last)

    async def read_place(request: Request) -> Response:
        found = await reader.find_place(_place_id(request), TENANT)
        if found is None:
            raise UnknownPlaceError(_place_id(request))
        answer = {
            **found.place,
            "known_histogram": found.histogram,
            "rating_over_time": found.scrapes,
            "reviews_per_month": found.months,
        }
        return json_response(answer)

    async def list_reviews(request: Request) -> Response:
        check_names(request, REVIEW_NAMES)
        form, bom = wanted_form(request), wants_bom(request)
        query = _review_query(request, await _known(reader, request))
        if form.name != "json":
            if PAGE_NAMES & request.query_params.keys():
                raise MalformedRequestError(
                    f"pages are JSON; {form.name} gives all reviews: leave out `limit` and `cursor`"
                )
            rows = await read_place_rows(reader, query)
            return await place_file(request, rows, form, building, bom=bom)
        page = await reader.find_reviews(query)
        last = ReviewCursor(*page.next_after) if page.next_after else None
        payload = {"place_id": query.place_id, "reviews": page.reviews}
        return _page(api, request, payload, last)

    async def list_changes(request: Request) -> Response:
        check_names(request, PAGE_NAMES | {"type", "since", "review_id", "initial"})
        cursor = read_cursor(request, ChangeCursor)
        query = ChangeQuery(
            place_id=await _known(reader, request),
            tenant=TENANT,
            types=_types_in(request),
            with_initial=read_flag(request, "initial") or False,
            from_at=read_time(request, "since"),
            review_id=request.query_params.get("review_id", ""),
            before=cursor.offset if cursor else None,
            limit=read_limit(request, default=A_PAGE, most=MOST_A_PAGE),
        )
        found = await reader.find_changes(query)
        page = found[: query.limit]
        last = ChangeCursor(page[-1]["offset"]) if len(found) > query.limit else None
        return _page(api, request, {"place_id": query.place_id, "changes": page}, last)

    return [
        resource("/places", get=list_places),
        resource("/places/{place_id}", get=read_place),
        resource("/places/{place_id}/reviews", get=list_reviews),
        resource("/places/{place_id}/changes", get=list_changes),
    ]


def _place_id(request: Request) -> str:
    place_id = str(request.path_params["place_id"])
    if not PLACE_ID.fullmatch(place_id):
        raise UnknownPlaceError(place_id[:64])
    return place_id


async def _known(reader: PlaceReader, request: Request) -> str:
    place_id = _place_id(request)
    if not await reader.has_place(place_id, TENANT):
        raise UnknownPlaceError(place_id)
    return place_id


def _review_query(request: Request, place_id: str) -> ReviewQuery:
    cursor = read_cursor(request, ReviewCursor)
    removed = request.query_params.get("removed", "false")
    if removed not in REMOVED:
        raise MalformedRequestError("`removed` must be false, true (with those removed) or only")
    return ReviewQuery(
        place_id=place_id,
        tenant=TENANT,
        ratings=_ratings_in(request),
        languages=read_words(request, "language"),
        published_from=read_time(request, "from"),
        published_before=read_time(request, "to"),
        text=read_text(request, "q"),
        has_photo=read_flag(request, "has_photo"),
        has_reply=read_flag(request, "has_reply"),
        is_changed=read_flag(request, "changed"),
        changed_from=read_time(request, "changed_since"),
        is_present=REMOVED[removed],
        after=(cursor.published_us, cursor.review_id) if cursor else None,
        limit=read_limit(request, default=A_PAGE, most=MOST_A_PAGE),
    )


def _ratings_in(request: Request) -> frozenset[float]:
    words = read_words(request, "rating")
    if not all(re.fullmatch(r"[1-5](\.\d)?", word) for word in words):
        raise MalformedRequestError("`rating` must be stars from 1 to 5; several by commas")
    return frozenset(map(float, words))


def _types_in(request: Request) -> tuple[str, ...]:
    words = read_words(request, "type")
    known = tuple(PLACE_EVENT_TYPES)[1:]  # all but the scrapes, which are no changes
    if not words <= set(known):
        raise MalformedRequestError(f"`type` must be of {', '.join(known)}; several by commas")
    return tuple(sorted(words)) or CHANGES


def _page(
    api: Api, request: Request, payload: dict[str, Any], last: msgspec.Struct | None
) -> Response:
    """The page with the way to the next one."""
    following = None if last is None else cursor_text(last)
    headers = {}
    if following is not None:
        query = request.url.include_query_params(cursor=following).query
        headers["Link"] = f'<{api.links.path(request.url.path)}?{query}>; rel="next"'
    return json_response({**payload, "next": following}, headers=headers)
