"""Reviews as files: which format a client wants, and an answer that is whole or visibly broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.problems import MalformedRequestError
from streams.domain.job import Job
from streams.exports.columns import Column
from streams.exports.rows import Rows
from streams.exports.text import Csv, Item, JsonLines

PIECE_BYTES = 256 * 1024
BOM_WORDS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A format of the answer."""

    name: str
    media_type: str
    aliases: tuple[str, ...] = ()
    """Other media types that mean it."""


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form(name="json", media_type="application/json"),
        Form(
            name="jsonl",
            media_type="application/x-ndjson",
            aliases=("application/jsonl", "application/x-jsonlines"),
        ),
        Form(name="csv", media_type="text/csv"),
        Form(
            name="parquet",
            media_type="application/vnd.apache.parquet",
            aliases=("application/x-parquet",),
        ),
        Form(
            name="xlsx",
            media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    )
}


class Writer(Protocol):
    """Makes a file piece by piece. Blocking: called in a thread."""

    def begin(self) -> bytes: ...

    def add(self, items: Sequence[Item]) -> bytes: ...

    def end(self, rows: int) -> bytes: ...


class Pages(Protocol):
    """Rows of a file, read page by page; how many is known before."""

    @property
    def total(self) -> int: ...

    def pages(self) -> AsyncIterator[Sequence[Item]]: ...


def wanted_form(request: Request) -> Form:
    """The format of the query, else the best of ``Accept`` that we know, else JSON.

    Raises:
        MalformedRequestError: the query names one that there is not.
    """
    named = request.query_params.get("format")
    if named is not None:
        if named not in FORMS:
            raise MalformedRequestError(f"`format` must be one of {', '.join(FORMS)}")
        return FORMS[named]
    known = {alias: form for form in FORMS.values() for alias in (form.media_type, *form.aliases)}
    for media_type in _accepted(request.headers.get("accept", "")):
        if media_type in known:
            return known[media_type]
        if media_type in {"*/*", "application/*"}:
            break
    return FORMS["json"]


def wants_bom(request: Request) -> bool:
    """Whether a CSV file shall begin with a byte order mark."""
    text = request.query_params.get("bom", "false")
    if text not in BOM_WORDS:
        raise MalformedRequestError("`bom` must be true or false")
    return BOM_WORDS[text]


def headers_of(rows: Rows, form: Form, *, is_file: bool) -> dict[str, str]:
    """What is announced before the first row."""
    headers = {
        "X-Total-Count": str(rows.total),
        "X-Job-Complete": "false" if rows.job.is_open else "true",
        "Vary": "Accept",
    }
    if is_file:
        name = f"reviews-{rows.job.job_id}.{form.name}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return headers


def streamed(
    request: Request, rows: Rows, form: Form, writer: Writer, *, is_file: bool
) -> Response:
    """The rows as they are read. When one fails, the connection is cut without its last chunk."""
    headers = headers_of(rows, form, is_file=is_file)
    if request.method == "HEAD":
        return Response(headers=headers, media_type=form.media_type)
    return StreamingResponse(pieces(rows, writer), headers=headers, media_type=form.media_type)


async def pieces(rows: Pages, writer: Writer) -> AsyncIterator[bytes]:
    """The file, piece by piece."""
    if head := await asyncio.to_thread(writer.begin):
        yield head
    async for items in rows.pages():
        if piece := await asyncio.to_thread(writer.add, items):
            yield piece
    if tail := await asyncio.to_thread(writer.end, rows.total):
        yield tail


async def workbook(
    request: Request,
    rows: Pages,
    headers: Mapping[str, str],
    columns: Sequence[Column],
    facts: Mapping[str, str],
    building: asyncio.Semaphore,
) -> Response:
    """An Excel file: built in a temporary file first, so its length is announced, too."""
    form = FORMS["xlsx"]
    if request.method == "HEAD":
        return Response(headers=headers, media_type=form.media_type)
    async with building:
        file = await _built_workbook(rows, columns, facts)
    size_bytes = file.seek(0, 2)
    file.seek(0)
    return StreamingResponse(
        _read(file),
        headers={**headers, "Content-Length": str(size_bytes)},
        media_type=form.media_type,
    )


async def _built_workbook(
    rows: Pages, columns: Sequence[Column], facts: Mapping[str, str]
) -> IO[bytes]:
    # Loaded when the first file is wanted, as is pyarrow.
    from streams.exports.xlsx import Xlsx  # noqa: PLC0415

    book = await asyncio.to_thread(Xlsx, columns, facts)
    try:
        async for items in rows.pages():
            await asyncio.to_thread(book.add, items)
        return await asyncio.to_thread(book.finished, rows.total)
    except BaseException:
        book.close()
        raise


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


def file_writer(
    form: Form, columns: Sequence[Column], facts: Mapping[str, str], *, bom: bool
) -> Writer:
    """The writer of a format other than JSON and Excel."""
    match form.name:
        case "jsonl":
            return JsonLines()
        case "csv":
            return Csv(columns, bom=bom)
        case _:
            from streams.exports.parquet import Parquet  # noqa: PLC0415

            return Parquet(columns, facts)


def facts_of(job: Job) -> Mapping[str, str]:
    """What a file says of itself."""
    return {
        "scrapestream.job_id": job.job_id,
        "scrapestream.kind": job.kind,
        "scrapestream.url": job.url,
        "scrapestream.status": str(job.status),
        "scrapestream.complete": "false" if job.is_open else "true",
        "scrapestream.exported_at": datetime.now(UTC).isoformat(),
    }


def _accepted(header: str) -> Sequence[str]:
    """The media types of an ``Accept`` header, best first; what cannot be read is left out."""
    found: list[tuple[float, str]] = []
    for part in header.lower().split(","):
        media_type, *parameters = (each.strip() for each in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if media_type and quality > 0:
            found.append((quality, media_type))
    return [media_type for _, media_type in sorted(found, key=lambda each: -each[0])]
