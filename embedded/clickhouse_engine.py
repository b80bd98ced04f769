"""The real ClickHouse engine (chDB) in this process: several handles on one directory."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import chdb
from chdb.state.sqlitelike import Connection

from embedded.clickhouse_statement import Statement
from streams.errors import PartFailedError

PIECE_BYTES = 1024 * 1024  # of an answer that is complete before it is sent
_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_NOT_A_STREAM = "Streaming query is not supported"


class EngineError(Exception):
    """The engine's refusal, in its own words; ``code`` is ClickHouse's error number."""

    def __init__(self, text: str) -> None:
        found = _CODE.search(text)
        super().__init__(text[found.start() :] if found else text)
        self.code = int(found[1]) if found else 1001  # STD_EXCEPTION


@dataclass(slots=True)
class Answer:
    """What a statement gave; ``pieces`` must be closed when it is not read to its end."""

    pieces: Iterator[bytes | memoryview]
    summary: dict[str, int] = field(default_factory=dict)
    owner: object = None
    """Owns the memory of the pieces: keep it as long as any of them is in use."""


class Handle:
    """One connection to the engine: its own database and settings, one statement at a time.

    Calls block, and may come from any thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Connection | None = None
        self._database = "default"
        self._settings: dict[str, str] = {}

    def run(self, statement: Statement, *, stream: bool) -> Answer:
        """Execute it; with ``stream`` the answer comes while the engine works.

        Raises:
            EngineError: the engine refuses; nothing was written.
        """
        try:
            connection = self._prepared(statement)
            if statement.payload is not None:
                return _insert(connection, statement, statement.payload)
            if stream and statement.streams:
                return self._stream(connection, statement)
            return _query(connection, statement)
        except RuntimeError as error:  # chdb.ChdbError is one of them
            raise EngineError(str(error)) from None
        finally:
            if statement.changes_session:
                self.close()

    def close(self) -> None:
        """End the connection; the next statement opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _prepared(self, statement: Statement) -> Connection:
        """The connection with the statement's database and settings, and no others."""
        is_read_only = self._settings.get("readonly", "0") != "0"
        if is_read_only and statement.settings != self._settings:
            self.close()  # nothing takes it back but a new connection
        if self._connection is None:
            self._connection = chdb.connect(str(self._path))
            self._database, self._settings = "default", {}
            # Only what a server understands too: the local dialect takes `1 + 1` for a query.
            self._connection.query("SET implicit_select = 0")
        if statement.database != self._database:
            self._connection.query(f"USE {_quoted(statement.database, '`')}")
            self._database = statement.database
        if statement.settings != self._settings:
            changes = _changes(self._settings, statement.settings)
            # Unknown until it worked: a refused SET may have changed some of them.
            self._settings = {}
            try:
                self._connection.query(f"SET {changes}")
            except RuntimeError:
                self.close()
                raise
            self._settings = dict(statement.settings)
        return self._connection

    def _stream(self, connection: Connection, statement: Statement) -> Answer:
        try:
            result: Any = connection.send_query(
                statement.sql, statement.format, params=statement.parameters
            )
            # Before the first byte is out an error can still be a status.
            first = result.fetch()
        except RuntimeError as error:
            if _NOT_A_STREAM in str(error):  # `WITH ... INSERT`, refused before it ran
                return _query(connection, statement)
            raise
        return Answer(_blocks(result, first))


class Engine:
    """The directory, held by this process alone, and its handles."""

    def __init__(self, path: Path) -> None:
        """Open ``path``; creates it when it is not there.

        Raises:
            PartFailedError: another process has it open; says which.
        """
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _claim(path)
        self._path = path
        self._handles: list[Handle] = []
        try:
            # The engine lives as long as any connection: this one keeps it.
            self._first = chdb.connect(str(path))
        except RuntimeError as error:
            raise PartFailedError(f"ClickHouse cannot open {path}: {error}") from None
        self.version = str(self._first.query("SELECT version()", "TabSeparated")).strip()
        self.timezone = str(self._first.query("SELECT timezone()", "TabSeparated")).strip()

    def new_handle(self) -> Handle:
        """One more connection; a statement on it does not wait for those on others."""
        handle = Handle(self._path)
        self._handles.append(handle)
        return handle

    def close(self) -> None:
        """Close every connection; returns when the engine has written what it holds."""
        for handle in self._handles:
            handle.close()
        self._first.close()
        self._lock.close()


def _query(connection: Connection, statement: Statement) -> Answer:
    result = connection.query(statement.sql, statement.format, params=statement.parameters)
    summary = {"read_rows": result.rows_read(), "read_bytes": result.bytes_read()}
    if result.size() <= PIECE_BYTES:
        return Answer(iter([result.bytes()] if result.size() else []), summary)
    # Not copied: a view does not keep alive what it looks at, so the answer does.
    memory = result.get_memview()
    return Answer(_slices(memory.view()), summary, owner=(result, memory))


def _insert(connection: Connection, statement: Statement, payload: memoryview) -> Answer:
    with connection.send_insert(statement.sql, statement.format) as insert:
        # In one piece: the engine cuts the same data into the same blocks, and so the same
        # deduplication token names the same blocks when it is sent again.
        insert.append(bytes(payload))
        written = insert.finish()
    summary = {"written_rows": written.rows_written, "written_bytes": written.bytes_written}
    return Answer(iter(()), summary)


def _slices(view: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


def _blocks(result: Any, first: Any) -> Iterator[bytes]:
    block = first
    try:
        while block is not None:
            yield block.bytes()
            block = result.fetch()
    except RuntimeError as error:
        raise EngineError(str(error)) from None
    finally:
        result.close()  # an open stream blocks its handle


def _changes(now: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """The list of a SET that leads from ``now`` to ``wanted``."""
    gone = [f"{name} = DEFAULT" for name in now if name not in wanted]
    new = [f"{name} = {_quoted(value)}" for name, value in wanted.items() if now.get(name) != value]
    return ", ".join(gone + new)


def _quoted(text: str, quote: str = "'") -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def _claim(path: Path) -> IO[str]:
    """Lock the directory; the kernel gives the lock back when this process ends in any way."""
    lock = (path / "owner").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise PartFailedError(
            f"{path} is open in another process (pid {owner}); one process at a time can have it"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
