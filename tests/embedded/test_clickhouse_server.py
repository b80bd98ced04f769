"""The embedded ClickHouse, asked by the client that every role uses."""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from embedded.clickhouse import clickhouse_part
from embedded.clickhouse_statement import read_statement
from scrapestream.data_directory import DataDirectory

COLUMNS = ("id", "text", "rating", "likes", "photos", "aspects", "at", "raw")
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
DDL = """
CREATE TABLE {name} (
    id UInt64, text String, rating LowCardinality(String), likes Nullable(Int32),
    photos Array(String), aspects Map(String, String), at DateTime64(6, 'UTC'), raw String
) ENGINE = {engine} ORDER BY id SETTINGS non_replicated_deduplication_window = 1000
"""


def row(number: int, text: str = "Ω 'quoted'\t\\") -> tuple[object, ...]:
    likes = None if number % 2 else number
    return (number, text, "5", likes, ["a", "b"], {"food": "5"}, AT, '{"a": [1, null]}')


@contextmanager
def running(path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    part = clickhouse_part(path, port=port)
    server = subprocess.Popen(part.command)
    try:
        asyncio.run(part.ready())
        yield server
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("clickhouse")
    directory = DataDirectory(path)
    directory.make()
    return path, directory.port("clickhouse")


@pytest.fixture(scope="module")
def server(place: tuple[Path, int]) -> Iterator[int]:
    with running(*place):
        yield place[1]


@pytest.fixture
async def client(server: int) -> AsyncIterator[Any]:
    dsn = f"http://127.0.0.1:{server}/default"
    async with await clickhouse_connect.get_async_client(dsn=dsn) as opened:
        yield opened


async def test_rows_come_back_as_they_went_in(client: Any) -> None:
    await client.command(DDL.format(name="kept", engine="MergeTree"))
    rows = [row(number) for number in range(2_000)]
    await client.insert("kept", rows, column_names=COLUMNS)
    found = await client.query("SELECT * FROM kept ORDER BY id", tz_mode="aware")
    assert found.column_names == COLUMNS
    assert found.result_rows == rows


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", False])
async def test_bodies_may_be_compressed_both_ways(server: int, encoding: str | bool) -> None:
    table = f"encoded_{encoding}".lower()
    async with await clickhouse_connect.get_async_client(port=server, compress=encoding) as client:
        await client.command(DDL.format(name=table, engine="MergeTree"))
        rows = [row(number, "long text " * 20) for number in range(5_000)]
        await client.insert(table, rows, column_names=COLUMNS)
        found = await client.query(f"SELECT id, text FROM {table} ORDER BY id")
        assert found.result_rows == [(number, "long text " * 20) for number in range(5_000)]


async def test_the_same_insert_token_stores_the_rows_once(client: Any) -> None:
    await client.command(DDL.format(name="once", engine="MergeTree"))
    for token in ("topic:1:0-99", "topic:1:0-99", "topic:1:100-199"):
        settings = {"insert_deduplication_token": token}
        rows = [row(number) for number in range(100)]
        await client.insert("once", rows, column_names=COLUMNS, settings=settings)
    assert await client.command("SELECT count() FROM once") == 200
    await client.insert("once", [row(1)], column_names=COLUMNS)
    await client.insert("once", [row(2)], column_names=COLUMNS)
    assert await client.command("SELECT count() FROM once") == 202, "a token outlived its insert"


async def test_the_newest_version_of_a_row_wins(client: Any) -> None:
    await client.command(
        DDL.format(name="newest", engine="ReplacingMergeTree(likes)").replace(
            "likes Nullable(Int32)", "likes UInt64"
        )
    )
    for likes in (1, 3, 2):
        values: list[Any] = [(7, f"version {likes}", "5", likes, [], {}, AT, "{}")]
        await client.insert("newest", values, column_names=COLUMNS)
    found = await client.query("SELECT text FROM newest FINAL WHERE id = 7")
    assert found.result_rows == [("version 3",)]


async def test_parameters_are_bound_by_the_server(client: Any) -> None:
    hostile = "x' OR 1=1 --\t\n\\"
    types = ("String", "UInt8", "Array(String)", "DateTime64(6, 'UTC')", "Nullable(String)")
    sql = "SELECT " + ", ".join(
        f"{{{name}:{type_}}}" for name, type_ in zip("abcde", types, strict=True)
    )
    values = {"a": hostile, "b": 7, "c": [hostile, "y"], "d": AT, "e": None}
    found = await client.query(sql, parameters=values, tz_mode="aware")
    assert found.result_rows == [(hostile, 7, [hostile, "y"], AT, None)]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT missing", 47),
        ("SELECT 1 FROM missing", 60),
        ("SELEC", 62),
        ("SELECT throwIf(number = 5) FROM numbers(10)", 395),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115),
    ],
)
async def test_errors_carry_clickhouse_own_number(client: Any, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        await client.query(sql)
    assert caught.value.code == code


async def test_an_error_in_the_middle_of_a_stream_is_not_a_short_answer(client: Any) -> None:
    sql = "SELECT throwIf(number = 1500000) FROM numbers(2000000) SETTINGS max_block_size = 1000"

    async def read_all() -> None:
        async with await client.query_row_block_stream(sql) as stream:
            async for _ in stream:
                pass

    with pytest.raises(StreamFailureError, match="throwIf"):
        await read_all()


async def test_an_answer_of_a_million_rows_is_whole(client: Any) -> None:
    sql = "SELECT number, toString(number) FROM numbers(1000000)"
    whole = await client.query(sql)
    assert whole.result_columns[0] == list(range(1_000_000))
    rows = 0
    async with await client.query_row_block_stream(sql) as stream:
        async for block in stream:
            rows += len(block)
    assert rows == 1_000_000


async def test_slow_queries_do_not_hold_up_inserts(client: Any) -> None:
    await client.command(DDL.format(name="quick", engine="MergeTree"))
    slow = [asyncio.create_task(client.query("SELECT sleep(2)")) for _ in range(14)]
    async with asyncio.timeout(1.9):
        await client.insert("quick", [row(1)], column_names=COLUMNS)
    assert not any(task.done() for task in slow)
    await asyncio.gather(*slow)


async def test_readers_and_writers_side_by_side_see_whole_batches(client: Any) -> None:
    await client.command(DDL.format(name="shared", engine="MergeTree"))

    async def write(writer: int) -> None:
        for batch in range(5):
            settings = {"insert_deduplication_token": f"{writer}-{batch}"}
            rows = [row(writer) for _ in range(100)]
            await client.insert("shared", rows, column_names=COLUMNS, settings=settings)

    async def read() -> None:
        for _ in range(20):
            assert await client.command("SELECT count() % 100 FROM shared") == 0

    await asyncio.gather(*(write(number) for number in range(4)), *(read() for _ in range(4)))
    assert await client.command("SELECT count() FROM shared") == 2_000


async def test_settings_of_one_request_do_not_stay_for_the_next(client: Any) -> None:
    sql = "SELECT getSetting('max_block_size')"
    before = await client.command(sql)
    assert await client.command(sql, settings={"max_block_size": 77}) == 77
    await client.command("SET max_block_size = 78")
    assert {await client.command(sql) for _ in range(8)} == {before}


async def test_a_database_of_its_own(client: Any, server: int) -> None:
    await client.command("CREATE DATABASE other")
    async with await clickhouse_connect.get_async_client(port=server, database="other") as inside:
        await inside.command("CREATE TABLE here (id UInt8) ENGINE = MergeTree ORDER BY id")
        assert await inside.command("EXISTS TABLE here") == 1
    assert await client.command("EXISTS TABLE here") == 0


@pytest.mark.parametrize("headers", [{"Origin": "https://example.com"}, {"Host": "evil.example"}])
def test_a_web_page_gets_nothing(server: int, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server)
    connection.request("POST", "/", body="SELECT 1", headers=headers)
    assert connection.getresponse().status == 403


def test_a_second_process_on_the_directory_is_refused(server: int, place: tuple[Path, int]) -> None:
    path, port = place
    command = [sys.executable, "-m", "embedded.clickhouse_server"]
    second = subprocess.run(
        [*command, "--path", str(path / "clickhouse"), "--port", str(port + 1)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "is open in another process (pid " in second.stderr


async def test_acknowledged_rows_survive_kill_and_restart(tmp_path: Path) -> None:
    port = DataDirectory(tmp_path).port("clickhouse")
    part = clickhouse_part(tmp_path, port=port)
    acknowledged = 0
    for round_ in range(2):
        server = await asyncio.create_subprocess_exec(*part.command)
        await part.ready()
        async with await clickhouse_connect.get_async_client(port=port) as client:
            if round_ == 0:
                await client.command(DDL.format(name="durable", engine="MergeTree"))
                for batch in range(10):
                    settings = {"insert_deduplication_token": str(batch)}
                    rows = [row(number) for number in range(50)]
                    await client.insert("durable", rows, column_names=COLUMNS, settings=settings)
                    acknowledged += 50
                server.kill()
            else:
                settings = {"insert_deduplication_token": "9"}
                rows = [row(number) for number in range(50)]
                await client.insert("durable", rows, column_names=COLUMNS, settings=settings)
                assert await client.command("SELECT count() FROM durable") == acknowledged
                server.terminate()
        async with asyncio.timeout(20):
            await server.wait()


def test_the_data_of_an_insert_begin_after_its_format() -> None:
    statement = read_statement(
        [], b"INSERT INTO t (`a FORMAT b`, c) /* FORMAT x */ FORMAT Native\n\n\x00\xff"
    )
    assert statement.sql == "INSERT INTO t (`a FORMAT b`, c) /* FORMAT x */"
    assert statement.format == "Native"
    assert statement.payload is not None
    assert bytes(statement.payload) == b"\n\x00\xff"


@pytest.mark.parametrize(
    "sql", ["INSERT INTO t VALUES (1, 'FORMAT Native\n')", "INSERT INTO t SELECT 1"]
)
def test_an_insert_that_holds_its_own_data_is_left_whole(sql: str) -> None:
    statement = read_statement([("query", sql)], b"")
    assert (statement.sql, statement.payload) == (sql, None)


async def test_long_parameters_come_as_a_form(client: Any) -> None:
    """More than fits into an address: clickhouse-connect then sends multipart/form-data."""
    names = [f"name {number}" for number in range(5_000)]
    answer = await client.query("SELECT length({names:Array(String)})", parameters={"names": names})
    assert answer.result_rows[0][0] == len(names)


def test_a_statement_that_only_reads_binds_nobody_after_it(server: int) -> None:
    with clickhouse_connect.get_client(port=server) as client:
        for _ in range(20):  # more than there are handles
            with pytest.raises(DatabaseError, match="READONLY"):
                client.command(
                    "CREATE TABLE never (a Int32) ENGINE = Memory", settings={"readonly": 1}
                )
            assert client.query("SELECT 1", settings={"readonly": 1}).result_rows == [(1,)]
            assert client.query("SELECT 2", settings={"max_threads": 1}).result_rows == [(2,)]
        client.command("CREATE TABLE afterwards (a Int32) ENGINE = Memory")
        client.command("DROP TABLE afterwards")
