"""The connection to ClickHouse, table set-up and inserts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from streams.adapters.clickhouse_block import FORMAT, block_of, packed
from streams.errors import (
    InvalidSettingError,
    RefusedStatementError,
    ScrapestreamError,
    StoreUnavailableError,
)
from streams.projections.projection import Projection, Row
from streams.settings import Settings

ERROR_TEXT = re.compile(r"Code: \d+\. DB::Exception: .*?(?= \(for url|$)", re.DOTALL)
FETCHED_FORMAT = "ArrowStream"
AWAY = (ClickHouseError, aiohttp.ClientError, OSError, TimeoutError)


class ClickHouse:
    """Statements and inserts. ``open_clickhouse`` makes one.

    Each method raises StoreUnavailableError when the server does not answer or refuses.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """The rows of a query; ``{name:Type}`` in it stands for a parameter."""
        try:
            answer = await self._client.query(
                statement, parameters=dict(parameters or {}), tz_mode="aware"
            )
        except AWAY as error:
            raise _away(error) from error
        return answer.result_rows

    async def packed(
        self, statement: str, parameters: Mapping[str, Any], *, rows_a_batch: int
    ) -> bytes:
        """The rows of a query as a packed Arrow stream, ``rows_a_batch`` at most in each batch."""
        settings = {
            "max_block_size": rows_a_batch,
            "output_format_arrow_compression_method": "lz4_frame",
            "output_format_arrow_string_as_string": 1,
        }
        try:
            answer: bytes = await self._client.raw_query(
                statement, parameters=dict(parameters), settings=settings, fmt=FETCHED_FORMAT
            )
        except AWAY as error:
            raise _away(error) from error
        return answer

    async def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """A statement without an answer; ``{name:Type}`` in it stands for a parameter."""
        try:
            await self._client.command(statement, parameters=dict(parameters or {}))
        except AWAY as error:
            raise _away(error) from error

    async def insert(
        self, projection: Projection, rows: Sequence[Row], token: str, *, table: str = ""
    ) -> None:
        """Store ``rows`` as one block; the same ``token`` again stores nothing.

        ``table``: another one than the projection's own, with the same columns.
        """
        block = await asyncio.to_thread(block_of, projection.columns, rows)
        if block is not None:
            await self._insert_block(projection, block, token, table)
            return
        try:
            await self._client.insert(
                table or projection.table,
                rows,
                column_names=[name for name, _ in projection.columns],
                column_type_names=[type_ for _, type_ in projection.columns],
                settings={"insert_deduplication_token": token},
            )
        except AWAY as error:
            raise _away(error) from error

    async def insert_columns(
        self,
        projection: Projection,
        batches: Sequence[pa.RecordBatch],
        token: str,
        *,
        table: str = "",
    ) -> None:
        """As ``insert``, for rows that are columns already: there must be some."""
        block = await asyncio.to_thread(packed, batches)
        await self._insert_block(projection, block, token, table)

    async def _insert_block(
        self, projection: Projection, block: bytes, token: str, table: str
    ) -> None:
        names = [name for name, _ in projection.columns]
        settings = {"insert_deduplication_token": token}
        try:
            await self._client.raw_insert(
                table or projection.table, names, block, settings=settings, fmt=FORMAT
            )
        except AWAY as error:
            raise _away(error) from error

    async def read_only(
        self, statement: str
    ) -> AsyncGenerator[tuple[Sequence[str], Sequence[Sequence[Any]]]]:
        """Column names and rows of a statement that somebody wrote, block by block.

        The server itself refuses whatever would change something.

        Raises:
            RefusedStatementError: it would, or is no statement at all.
        """
        settings = {"readonly": "1"}
        try:
            stream = await self._client.query_row_block_stream(
                statement, settings=settings, tz_mode="aware"
            )
            source: Any = stream.source  # a result whose head has come
            async with stream:
                names = list(source.column_names)
                async for block in stream:
                    yield names, block
        except DatabaseError as error:
            raise _refused(error) from error
        except AWAY as error:
            raise _away(error) from error


@asynccontextmanager
async def open_clickhouse(settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client of ``clickhouse_url``.

    Raises:
        StoreUnavailableError: it does not answer.
        InvalidSettingError: the URL is none.
    """
    url = urlsplit(settings.clickhouse_url)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise InvalidSettingError(
            "SCRAPESTREAM_CLICKHOUSE_URL must be http(s)://host:port/database"
        )
    try:
        client = await clickhouse_connect.get_async_client(
            interface=url.scheme,
            host=url.hostname,
            port=url.port or (8443 if url.scheme == "https" else 8123),
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password or ""),
            database=url.path.strip("/") or "default",
            compress="lz4",
            connect_timeout=5,
            send_receive_timeout=60,
            query_retries=1,
            autogenerate_session_id=False,  # docs/hazards.md, H16: a session serves one at a time
        )
    except AWAY as error:
        raise _away(error) from error
    try:
        yield ClickHouse(client)
    finally:
        await client.close()


def _refused(error: DatabaseError) -> ScrapestreamError:
    text = str(error)
    if "Code: 164" in text or "READONLY" in text:
        return RefusedStatementError(
            "the statement would change something or reach outside of the database; here one can "
            "only read: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN"
        )
    found = ERROR_TEXT.search(text)
    return RefusedStatementError(f"ClickHouse: {(found[0] if found else text)[:500]}")


def _away(error: BaseException) -> StoreUnavailableError:
    # The first line says what; the rest may hold data or addresses.
    text = str(error).partition("\n")[0][:300]
    return StoreUnavailableError(f"ClickHouse: {type(error).__name__}: {text}")
