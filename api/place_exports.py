"""Reviews of a place as files: the formats of ``api.exports``, for what a filter takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.exports import Form, file_writer, pieces, workbook
from streams.errors import StoreUnavailableError
from streams.exports.columns import Column, Kind, columns_of
from streams.place_queries import PlaceReader, ReviewPage, ReviewQuery, Row

REVIEWS_A_PAGE = 5_000
COLUMNS: Sequence[Column] = (
    *columns_of("GoogleReview"),
    Column(name="is_present", kind=Kind.BOOLEAN, doc="False when it was removed."),
    Column(name="first_seen_at", kind=Kind.TIME, doc="When a scrape first saw it."),
    Column(name="seen_at", kind=Kind.TIME, doc="When its newest event was seen."),
    Column(name="changes", kind=Kind.INTEGER, doc="Edits, replies, removals and returns."),
    Column(name="job_id", kind=Kind.TEXT, doc="The scrape of its newest event."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRows:
    """All reviews that a filter takes, as many as there are now; read page by page."""

    reader: PlaceReader
    query: ReviewQuery
    total: int
    first: ReviewPage

    async def pages(self) -> AsyncIterator[Sequence[Row]]:
        """Exactly ``total`` reviews.

        Raises:
            StoreUnavailableError: some did not come: what was sent is no whole.
        """
        page, left = self.first, self.total
        while True:
            reviews = page.reviews[:left]
            left -= len(reviews)
            yield reviews
            if not left:
                return
            if page.next_after is None:
                raise StoreUnavailableError(
                    f"{left} of {self.total} reviews of place {self.query.place_id} did not come"
                )
            page = await self.reader.find_reviews(replace(self.query, after=page.next_after))

    @property
    def facts(self) -> Mapping[str, str]:
        """What a file says of itself."""
        return {
            "scrapestream.place_id": self.query.place_id,
            "scrapestream.exported_at": datetime.now(UTC).isoformat(),
        }


async def read_place_rows(reader: PlaceReader, query: ReviewQuery) -> PlaceRows:
    """Count and read the first page, so that a store that is away is told by the status."""
    query = replace(query, after=None, limit=REVIEWS_A_PAGE)
    total = await reader.count_reviews(query)
    return PlaceRows(
        reader=reader, query=query, total=total, first=await reader.find_reviews(query)
    )


async def place_file(
    request: Request, rows: PlaceRows, form: Form, building: asyncio.Semaphore, *, bom: bool
) -> Response:
    """The file in its format; its length is announced as ``X-Total-Count``."""
    headers = {
        "X-Total-Count": str(rows.total),
        "Vary": "Accept",
        "Content-Disposition": (f'attachment; filename="place-{rows.query.place_id}.{form.name}"'),
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type=form.media_type)
    if form.name == "xlsx":
        return await workbook(request, rows, headers, COLUMNS, rows.facts, building)
    writer = file_writer(form, COLUMNS, rows.facts, bom=bom)
    return StreamingResponse(pieces(rows, writer), headers=headers, media_type=form.media_type)
