"""``GET /jobs/{id}/reviews``: what was found, all of it or page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import JSON, json_response
from api.requests import ItemCursor, cursor_text, read_cursor, read_limit
from api.routes.resource import resource
from streams.domain.job import Job
from streams.ports import ItemPage, JobStore

REVIEWS_A_PAGE = 1_000
MOST_REVIEWS_A_PAGE = 10_000


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    store = api.parts.store

    async def read_reviews(request: Request) -> Response:
        cursor = read_cursor(request, ItemCursor)
        after = (cursor.position, cursor.item_id) if cursor else None
        limit = read_limit(request, default=REVIEWS_A_PAGE, most=MOST_REVIEWS_A_PAGE)
        job = await api.jobs.find(request.path_params["job_id"])
        await api.jobs.wait_for_items(job)
        # The first page before the headers: until then a store that is away is a 503.
        page = await store.read_items(job.job_id, after=after, limit=limit)
        if "limit" in request.query_params or after is not None:
            return _page_response(request, api, job, page)
        return StreamingResponse(_all_reviews(store, job, page), media_type=JSON)

    return [resource("/jobs/{job_id}/reviews", get=read_reviews)]


def _page_response(request: Request, api: Api, job: Job, page: ItemPage) -> Response:
    following, headers = None, {}
    if page.next_after is not None:
        following = cursor_text(ItemCursor(*page.next_after))
        query = request.url.include_query_params(cursor=following).query
        path = api.links.path(f"/jobs/{job.job_id}/reviews")
        headers["Link"] = f'<{path}?{query}>; rel="next"'
    payload = {**_about(job), "reviews": page.items, "next": following}
    return json_response(payload, headers=headers)


async def _all_reviews(store: JobStore, job: Job, page: ItemPage) -> AsyncIterator[bytes]:
    """One JSON object; only a page of it is in memory at a time."""
    about = msgspec.json.encode(_about(job)).removesuffix(b"}")
    yield about + b',"reviews":[' + _joined(page)
    separator = b"," if page.items else b""
    while page.next_after is not None:
        page = await store.read_items(job.job_id, after=page.next_after, limit=REVIEWS_A_PAGE)
        if page.items:
            yield separator + _joined(page)
            separator = b","
    yield b'],"next":null}'


def _about(job: Job) -> dict[str, object]:
    return {
        "job_id": job.job_id,
        "status": job.status,
        "reviews_count": job.items_count,
        "complete": not job.is_open,
    }


def _joined(page: ItemPage) -> bytes:
    return b",".join(msgspec.json.encode(item) for item in page.items)
