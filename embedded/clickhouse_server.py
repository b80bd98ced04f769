"""ClickHouse's HTTP protocol over the embedded engine: one small process.

``python -m embedded.clickhouse_server --path DIR --port P``. Every client of a ClickHouse server
works unchanged against it.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

os.environ["TZ"] = "UTC"  # before the engine reads it: DateTime without a zone means UTC

from embedded.clickhouse_engine import Answer, Engine, EngineError, Handle
from embedded.clickhouse_request import taken_apart
from embedded.clickhouse_statement import BadRequestError, Statement, read_statement
from embedded.encodings import Encoder, UnknownEncodingError, best_encoding, encoder
from streams.errors import PartFailedError

READERS = 12  # queries side by side; more of them wait, so that none starves the others
WRITERS = 4  # and what they need, such as DESCRIBE: slow queries never hold up an insert
WORTH_COMPRESSING_BYTES = 4096
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

NOT_FOUND = frozenset({46, 47, 50, 56, 60, 63, 73, 81, 82, 115, 511})
BAD_REQUEST = frozenset(
    {6, 26, 27, 33, 36, 38, 41, 42, 43, 53, 62, 69, 70, 72, 99, 117, 130, 167, 168, 457}
)
T = TypeVar("T")


class Lane:
    """Handles of one kind of statement; a statement waits here for a free one."""

    def __init__(self, engine: Engine, size: int) -> None:
        # Last in, first out: a handle that has just worked has its settings in place.
        self._free: asyncio.LifoQueue[Handle] = asyncio.LifoQueue()
        for _ in range(size):
            self._free.put_nowait(engine.new_handle())

    async def take(self) -> Handle:
        """A handle nobody else has; give it back."""
        return await self._free.get()

    def give_back(self, handle: Handle) -> None:
        """Let the next statement have it."""
        self._free.put_nowait(handle)


class Server:
    """The routes, over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = Lane(engine, READERS)
        self._writers = Lane(engine, WRITERS)
        # A thread for every handle: whoever holds a handle never waits for a thread.
        self._threads = ThreadPoolExecutor(READERS + WRITERS, thread_name_prefix="clickhouse")

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a blocking call of the engine."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Let running statements end, then close the engine."""
        self._threads.shutdown(wait=True)
        self._engine.close()

    async def ping(self, _request: Request) -> Response:
        """Whether the engine answers."""
        return PlainTextResponse("Ok.\n")

    async def execute(self, request: Request) -> Response:
        """Run the statement of a request."""
        if not _is_a_program(request):
            return PlainTextResponse("no browsers here\n", 403)
        headers = {
            "X-ClickHouse-Query-Id": request.query_params.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Server-Display-Name": "scrapestream-embedded",
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        try:
            parameters, body = await taken_apart(request)
            if not body and "query" not in dict(parameters):
                return PlainTextResponse("Ok.\n")
            statement = read_statement(parameters, body)
        except (BadRequestError, UnknownEncodingError) as error:
            return PlainTextResponse(
                f"{error}\n", 400, headers | {"X-ClickHouse-Exception-Code": "62"}
            )
        del body  # the statement holds what is needed
        wait_for_end = request.query_params.get("wait_end_of_query") == "1"
        lane = self._readers if statement.queries else self._writers
        handle = await lane.take()
        release = functools.partial(lane.give_back, handle)
        try:
            run = functools.partial(handle.run, statement, stream=not wait_for_end)
            answer = await self.in_thread(run)
        except EngineError as error:
            release()
            return self._refusal(error, headers)
        except BaseException:
            release()
            raise
        return self._response(request, statement, answer, headers, release)

    def _response(
        self,
        request: Request,
        statement: Statement,
        answer: Answer,
        headers: dict[str, str],
        release: Callable[[], None],
    ) -> Response:
        counted = {name: str(count) for name, count in answer.summary.items()}
        headers["X-ClickHouse-Summary"] = json.dumps(counted)
        if statement.payload is None:
            headers["X-ClickHouse-Format"] = statement.format
        wants = request.query_params.get("enable_http_compression") == "1"
        encoding = best_encoding(request.headers.get("accept-encoding", "")) if wants else None
        return EngineResponse(self, answer, headers, encoding, release)

    def _refusal(self, error: EngineError, headers: dict[str, str]) -> Response:
        return PlainTextResponse(
            self.error_text(error),
            _status(error.code),
            headers | {"X-ClickHouse-Exception-Code": str(error.code)},
        )

    def error_text(self, error: EngineError) -> str:
        """The error as a server writes it."""
        text = str(error).strip()
        return f"{text}\n" if "(version " in text else f"{text} (version {self._engine.version})\n"


class EngineResponse(Response):
    """Sends an answer piece by piece; gives the handle back whatever happens."""

    def __init__(
        self,
        server: Server,
        answer: Answer,
        headers: dict[str, str],
        encoding: str | None,
        release: Callable[[], None],
    ) -> None:
        super().__init__(headers=headers, media_type="application/octet-stream")
        del self.headers["content-length"]
        self._server = server
        self._answer = answer
        self._pieces = answer.pieces
        self._encoding = encoding
        self._release = release
        self._tag = uuid.uuid4().hex[:16]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send head and pieces; an error in the middle is told in the body, as a server does."""
        request = Request(scope, receive)
        try:
            first = await self._next()
            second = await self._next() if first else b""
            if not second and len(first) < WORTH_COMPRESSING_BYTES:
                self._encoding = None
            coder = encoder(self._encoding) if self._encoding else None
            if self._encoding:
                self.headers["Content-Encoding"] = self._encoding
            elif not second:
                self.headers["Content-Length"] = str(len(first))
            self.headers["X-ClickHouse-Exception-Tag"] = self._tag
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            async for piece in self._encoded(coder, first, second):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                if await request.is_disconnected():
                    return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            try:
                if close := getattr(self._pieces, "close", None):
                    await self._server.in_thread(close)
            finally:
                self._release()

    async def _encoded(
        self, coder: Encoder | None, first: bytes | memoryview, second: bytes | memoryview
    ) -> AsyncIterator[bytes]:
        piece, following = first, second
        while piece:
            if coder is None:
                yield bytes(piece)
            else:
                yield await self._server.in_thread(functools.partial(coder.compress, piece))
            piece, following = following, await self._next() if following else b""
        if coder is not None:
            yield coder.finish()

    async def _next(self) -> bytes | memoryview:
        """The next piece; empty at the end."""
        try:
            return await self._server.in_thread(lambda: next(self._pieces, b""))
        except EngineError as error:
            self._pieces = iter(())
            text = self._server.error_text(error)
            foot = f"{len(text.encode())} {self._tag}\r\n__exception__\r\n"
            return f"\r\n__exception__\r\n{self._tag}\r\n{text}{foot}".encode()


def _is_a_program(request: Request) -> bool:
    """Whether the sender is no web page: the browsers of the workers open foreign ones, and a
    page may post to loopback. Browsers name themselves by these headers; programs do not.
    """
    host = request.url.hostname or ""
    return host in LOOPBACK_HOSTS and not ({"origin", "sec-fetch-site"} & set(request.headers))


def _status(code: int) -> int:
    """The HTTP status of an error number, as ClickHouse's HTTPHandler maps it."""
    special = {48: 501, 159: 408, 164: 403, 209: 503, 210: 503, 319: 503, 516: 401}
    if code in NOT_FOUND:
        return 404
    return 400 if code in BAD_REQUEST else special.get(code, 500)


def make_app(engine: Engine) -> Starlette:
    """The application; closes ``engine`` when it shuts down."""
    server = Server(engine)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(server.close)

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=499)

    return Starlette(
        routes=[
            Route("/ping", server.ping),
            Route("/", server.execute, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
        exception_handlers={ClientDisconnect: gone},
    )


def main() -> int:
    """Serve until SIGTERM; 1 when the directory cannot be opened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="directory of the data")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    options = parser.parse_args()
    try:
        engine = Engine(options.path.resolve())
    except PartFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    uvicorn.run(
        make_app(engine),
        host="127.0.0.1",
        port=options.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
        backlog=512,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
