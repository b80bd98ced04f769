"""Takes an HTTP request of a ClickHouse client apart: statement, data, settings, parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

STREAMED_FORMATS = frozenset({"Native", "TabSeparated", "TSV", "RowBinary", "JSONEachRow", "CSV"})
"""Formats without a global head or foot: blocks encoded one by one make one valid body."""

TRANSPORT_PARAMETERS = frozenset(
    {
        *("query", "database", "default_format", "query_id", "quota_key", "role", "user"),
        *("password", "session_id", "session_timeout", "session_check", "session_timezone_check"),
        *("compress", "decompress", "enable_http_compression", "buffer_size"),
        *("wait_end_of_query", "client_protocol_version", "send_progress_in_http_headers"),
        *("http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close"),
        *("http_zlib_compression_level", "add_http_cors_header", "stacktrace"),
    }
)
"""What the HTTP server means and the engine does not know or need."""

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GAP = r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_FIRST_WORD = re.compile((_GAP + r"\(*" + _GAP + r"([A-Za-z]+)").encode(), re.DOTALL)
_TOKEN = re.compile(
    rb"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*`
       | --[^\n]* | /\*.*?\*/
       | \b(?:FORMAT\s+(?P<format>\w+)(?:[ \t\r]*\n|[ \t]+|;|$)
             | (?P<own_data>SELECT|VALUES|WATCH|INFILE)\b)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_OUTFILE = re.compile(
    rb"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*`
       | (?:--|\#[ !])[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
       | \b(?P<outfile>OUTFILE)\b""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_LAST_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


class BadRequestError(Exception):
    """The request cannot be understood; the text is the answer's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement for the engine."""

    sql: str
    """Without the data, and for an insert with data without its FORMAT."""
    format: str
    """Of the answer; of the data for an insert with data."""
    payload: memoryview | None = None
    """The data of an insert."""
    word: str = ""
    """Its first word, upper case."""
    database: str = "default"
    settings: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    """Values of ``{name:Type}``, escaped as ClickHouse does over HTTP."""

    @property
    def queries(self) -> bool:
        """Whether it may take long: anything but a query is an insert or short."""
        return self.word in {"SELECT", "WITH"}

    @property
    def streams(self) -> bool:
        """Whether its answer can be sent while the engine still works on it."""
        return self.queries and self.format in STREAMED_FORMATS

    @property
    def changes_session(self) -> bool:
        """Whether it would change the handle for those who come after."""
        return self.word in {"SET", "USE"}


def read_statement(query: Iterable[tuple[str, str]], body: bytes | bytearray) -> Statement:
    """The statement of a request with these URL parameters and this (plain) body.

    Raises:
        BadRequestError: there is no statement, or a setting's name is no name.
    """
    parameters: dict[str, str] = {}
    settings: dict[str, str] = {}
    transport: dict[str, str] = {}
    for name, value in query:
        if name.startswith("param_"):
            parameters[name.removeprefix("param_")] = value
        elif name in TRANSPORT_PARAMETERS:
            transport[name] = value
        elif _SETTING_NAME.fullmatch(name):
            settings[name] = value
        else:
            raise BadRequestError(f"Code: 115. DB::Exception: Unknown setting {name!r}.")
    text: bytes | bytearray = body
    if head := transport.get("query"):
        text = head.encode() + (b"\n" + body if body else b"")
    first = _FIRST_WORD.match(text)
    if first is None:
        raise BadRequestError("Code: 62. DB::Exception: Syntax error: Empty query. (SYNTAX_ERROR)")
    word = first[1].decode().upper()
    database = transport.get("database") or "default"
    if word == "INSERT" and (split := _split_insert(text)):
        sql, data_format, payload = split
        return Statement(
            sql=sql,
            format=data_format,
            payload=payload,
            word=word,
            database=database,
            settings=settings,
            parameters=parameters,
        )
    if _writes_a_file(text):
        raise BadRequestError(
            "Code: 1. DB::Exception: INTO OUTFILE is not allowed. (UNSUPPORTED_METHOD)"
        )
    sql = text.decode(errors="surrogateescape")
    named = _LAST_FORMAT.search(sql)
    return Statement(
        sql=sql,
        format=named[1] if named else transport.get("default_format") or "TabSeparated",
        word=word,
        database=database,
        settings=settings,
        parameters=parameters,
    )


def _writes_a_file(text: bytes | bytearray) -> bool:
    """Whether ``INTO OUTFILE`` stands outside of quotes and comments; a server refuses it, too."""
    return any(token["outfile"] for token in _OUTFILE.finditer(text))


def _split_insert(text: bytes | bytearray) -> tuple[str, str, memoryview] | None:
    """Statement, format and data of an insert that carries data; None for any other."""
    for token in _TOKEN.finditer(text):
        if token["own_data"]:
            return None
        if token["format"]:
            sql = bytes(text[: token.start()]).decode(errors="surrogateescape")
            return sql.rstrip(), token["format"].decode(), memoryview(text)[token.end() :]
    return None
