"""Reviews of a place as files: the formats of ``api.exports``, for what a filter takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import IO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.exports import PIECE_BYTES, Form, Writer
from streams.errors import StoreUnavailableError
from streams.exports.columns import Column, Kind, columns_of
from streams.exports.text import Csv, JsonLines
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
        async with building:
            file = await _workbook(rows)
        headers["Content-Length"] = str(file.seek(0, 2))
        file.seek(0)
        return StreamingResponse(_read(file), headers=headers, media_type=form.media_type)
    pieces = _pieces(rows, _writer(form, rows, bom=bom))
    return StreamingResponse(pieces, headers=headers, media_type=form.media_type)


def _writer(form: Form, rows: PlaceRows, *, bom: bool) -> Writer:
    match form.name:
        case "jsonl":
            return JsonLines()
        case "csv":
            return Csv(COLUMNS, bom=bom)
        case _:
            from streams.exports.parquet import Parquet  # noqa: PLC0415 - loads long

            return Parquet(COLUMNS, rows.facts)


async def _pieces(rows: PlaceRows, writer: Writer) -> AsyncIterator[bytes]:
    if head := await asyncio.to_thread(writer.begin):
        yield head
    async for reviews in rows.pages():
        if piece := await asyncio.to_thread(writer.add, reviews):
            yield piece
    if tail := await asyncio.to_thread(writer.end, rows.total):
        yield tail


async def _workbook(rows: PlaceRows) -> IO[bytes]:
    from streams.exports.xlsx import Xlsx  # noqa: PLC0415 - loads long

    book = await asyncio.to_thread(Xlsx, COLUMNS, rows.facts)
    try:
        async for reviews in rows.pages():
            await asyncio.to_thread(book.add, reviews)
        return await asyncio.to_thread(book.finished, rows.total)
    except BaseException:
        book.close()
        raise


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
