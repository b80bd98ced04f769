"""Reads a request of a ClickHouse client: URL parameters, a plain or packed body, or a form."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from embedded.clickhouse_statement import BadRequestError
from embedded.encodings import Decoder

MOST_FIELDS = 10_000
LONGEST_FIELD = 256 * 1024 * 1024


async def taken_apart(request: Request) -> tuple[list[tuple[str, str]], bytearray]:
    """Parameters and plain body. Clients send long parameters as the fields of a form.

    Raises:
        BadRequestError: a form that cannot be read.
        UnknownEncodingError: the body is packed in a way that nobody here knows.
    """
    parameters = request.query_params.multi_items()
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return parameters, await _plain_body(request)
    try:
        async with request.form(max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD) as form:
            fields = [(name, text) for name, text in form.multi_items() if isinstance(text, str)]
    except HTTPException as error:
        raise BadRequestError(error.detail) from error
    return parameters + fields, bytearray()


async def _plain_body(request: Request) -> bytearray:
    encoding = request.headers.get("content-encoding", "").lower()
    decoder = Decoder(encoding) if encoding and encoding != "identity" else None
    body = bytearray()
    async for piece in request.stream():
        body += decoder.decode(piece) if decoder else piece
    return body
