"""``GET /jobs/{id}/reviews``: what was found, page by page, all of it, or as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.exports import (
    facts_of,
    file_writer,
    headers_of,
    streamed,
    wanted_form,
    wants_bom,
    workbook,
)
from api.parts import Api
from api.payloads import json_response
from api.problems import MalformedRequestError
from api.requests import ItemCursor, cursor_text, read_cursor, read_limit
from api.routes.resource import resource
from streams.domain.job import Job
from streams.errors import InvalidRequestError
from streams.exports.columns import Column, columns_of
from streams.exports.rows import read_rows
from streams.exports.text import JsonObject, json_head
from streams.ports import ItemPage

REVIEWS_A_PAGE = 1_000
MOST_REVIEWS_A_PAGE = 10_000
REVIEWS_A_FILE_PAGE = 5_000  # the first; those behind it are as many as are small enough
WORKBOOKS_AT_ONCE = 2  # each keeps a core busy, and a file on the disk


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    store = api.parts.store
    building = asyncio.Semaphore(WORKBOOKS_AT_ONCE)

    async def read_reviews(request: Request) -> Response:
        form, bom = wanted_form(request), wants_bom(request)
        cursor = read_cursor(request, ItemCursor)
        after = (cursor.position, cursor.item_id) if cursor else None
        limit = read_limit(request, default=REVIEWS_A_PAGE, most=MOST_REVIEWS_A_PAGE)
        is_page = "limit" in request.query_params or after is not None
        if is_page and form.name != "json":
            raise MalformedRequestError(
                f"pages are JSON; {form.name} gives all reviews: leave out `limit` and `cursor`"
            )
        job = await api.jobs.find(request.path_params["job_id"])
        await api.jobs.wait_for_items(job)
        if is_page:
            page = await store.read_items(job.job_id, after=after, limit=limit)
            return _page_response(request, api, job, page)
        if form.name == "json":
            rows = await read_rows(store, job, REVIEWS_A_PAGE)
            return streamed(request, rows, form, JsonObject(json_head(job)), is_file=False)
        columns = _columns_of(api, job)
        rows = await read_rows(store, job, REVIEWS_A_FILE_PAGE)
        facts = facts_of(job)
        if form.name == "xlsx":
            headers = headers_of(rows, form, is_file=True)
            return await workbook(request, rows, headers, columns, facts, building)
        writer = file_writer(form, columns, facts, bom=bom)
        return streamed(request, rows, form, writer, is_file=True)

    return [resource("/jobs/{job_id}/reviews", get=read_reviews)]


def _columns_of(api: Api, job: Job) -> Sequence[Column]:
    for kind in api.parts.catalogue.kinds:
        if kind.name == job.kind:
            return columns_of(kind.item_schema)
    raise InvalidRequestError(
        f"jobs of the kind {job.kind} are known here no more, so their columns are not either: "
        "ask for JSON"
    )


def _page_response(request: Request, api: Api, job: Job, page: ItemPage) -> Response:
    following, headers = None, {}
    if page.next_after is not None:
        following = cursor_text(ItemCursor(*page.next_after))
        query = request.url.include_query_params(cursor=following).query
        path = api.links.path(f"/jobs/{job.job_id}/reviews")
        headers["Link"] = f'<{path}?{query}>; rel="next"'
    payload = {**json_head(job), "reviews": page.items, "next": following}
    return json_response(payload, headers=headers)
