"""One suite for every storage of result files: in memory, a directory, and a real S3 server."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from obstore.store import MemoryStore

from streams.adapters.blobs import Blobs, open_result_files
from streams.errors import InvalidSettingError, ResultsUnavailableError, StoreUnavailableError
from streams.ports import ResultFiles
from streams.results import delete_expired
from streams.settings import Settings
from tests.support.s3_server import BUCKET, S3Server, s3_server

JOB = "0" * 32
KEY = f"2026/11/22/{JOB}.json.gz"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Settings(results_url=f"s3://{BUCKET}/{uuid.uuid4().hex}/of ours")


@dataclass(frozen=True, slots=True)
class Storage:
    files: ResultFiles
    has_links: bool


def opened(settings: Settings) -> Blobs:
    files = open_result_files(settings)
    assert files is not None
    return files


@pytest.fixture(params=["memory", "directory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    match request.param:
        case "memory":
            return Storage(Blobs(MemoryStore()), has_links=False)
        case "directory":
            settings = Settings(results_url=f"{(tmp_path / 'of ours').as_uri()}")
            return Storage(opened(settings), has_links=False)
        case _:
            return Storage(opened(request.getfixturevalue("bucket")), has_links=True)


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def content(files: ResultFiles, key: str) -> bytes | None:
    found = await files.read(key)
    return None if found is None else b"".join([piece async for piece in found])


async def test_what_is_put_is_there_and_the_newest_counts(storage: Storage) -> None:
    assert await storage.files.find_size(KEY) is None
    assert await content(storage.files, KEY) is None
    await storage.files.put(KEY, pieces(b"first ", b"and more"))
    await storage.files.put(KEY, pieces(b"sec", b"ond"))
    assert await storage.files.find_size(KEY) == 6
    assert await content(storage.files, KEY) == b"second"


async def test_a_file_of_many_parts_comes_back_as_it_was(storage: Storage) -> None:
    given = [os.urandom(700_000) for _ in range(20)]
    await storage.files.put(KEY, pieces(*given))
    assert await content(storage.files, KEY) == b"".join(given)


@pytest.mark.parametrize("size_bytes", [10, 12_000_000])
async def test_what_breaks_off_is_not_there_and_leaves_what_was(
    storage: Storage, size_bytes: int
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield os.urandom(size_bytes)
        raise StoreUnavailableError("the store went away")

    with pytest.raises(StoreUnavailableError, match="went away"):
        await storage.files.put(KEY, broken())
    assert await storage.files.find_size(KEY) is None
    assert list((await storage.files.list_below("2026/11/22")).keys) == []
    await storage.files.put(KEY, pieces(b"whole"))
    with pytest.raises(StoreUnavailableError, match="went away"):
        await storage.files.put(KEY, broken())
    assert await content(storage.files, KEY) == b"whole"


async def test_folders_are_listed_level_by_level(storage: Storage) -> None:
    for key in (KEY, KEY.replace("/22/", "/21/"), KEY.replace("2026", "2025"), "note.txt"):
        await storage.files.put(key, pieces(b"x"))
    top = await storage.files.list_below("")
    assert (sorted(top.folders), list(top.keys)) == (["2025", "2026"], ["note.txt"])
    month = await storage.files.list_below("2026/11")
    assert (sorted(month.folders), list(month.keys)) == (["2026/11/21", "2026/11/22"], [])
    assert list((await storage.files.list_below("2026/11/22")).keys) == [KEY]
    assert list((await storage.files.list_below("1999")).folders) == []


async def test_deleting_is_safe_to_repeat(storage: Storage) -> None:
    other = KEY.replace("/22/", "/23/")
    for key in (KEY, other):
        await storage.files.put(key, pieces(b"x"))
    await storage.files.delete([KEY])
    await storage.files.delete([KEY, KEY.replace("/22/", "/24/")])
    assert await storage.files.find_size(KEY) is None
    assert await storage.files.find_size(other) == 1


async def test_a_link_is_given_where_the_storage_can(storage: Storage) -> None:
    await storage.files.put(KEY, pieces(b"x"))
    assert (await storage.files.make_link(KEY) is not None) == storage.has_links


async def test_a_link_gives_this_file_alone_to_anybody(bucket: Settings) -> None:
    files, other = opened(bucket), KEY.replace("/22/", "/23/")
    await files.put(KEY, pieces(b"for you"))
    await files.put(other, pieces(b"for others"))
    link = await files.make_link(KEY)
    assert link is not None
    async with httpx2.AsyncClient() as client:
        answer = await client.get(link)
        assert (answer.status_code, answer.content) == (200, b"for you")
        assert answer.headers["content-type"] == "application/gzip"
        assert f'filename="reviews-{JOB}.json.gz"' in answer.headers["content-disposition"]
        assert "content-encoding" not in answer.headers
        assert (await client.get(link.replace("/22/", "/23/"))).status_code == 403
        assert (await client.put(link, content=b"mine")).status_code == 403
        unsigned = await client.get(link.partition("?")[0])
        assert unsigned.status_code in {403, 404}
        assert unsigned.content != b"for you"


async def test_a_link_ends(bucket: Settings) -> None:
    files = opened(replace(bucket, results_link_s=1))
    await files.put(KEY, pieces(b"x"))
    link = await files.make_link(KEY)
    assert link is not None
    async with httpx2.AsyncClient() as client, asyncio.timeout(30):
        while (await client.get(link)).status_code != 403:
            pass
    assert await opened(replace(bucket, results_link_s=0)).make_link(KEY) is None


async def test_a_wrong_key_is_told_without_it(
    bucket: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    files = opened(bucket)
    calls: list[Callable[[], object]] = []
    calls += [lambda: files.find_size(KEY), lambda: files.list_below(""), lambda: files.read(KEY)]
    calls += [lambda: files.put(KEY, pieces(b"x")), lambda: files.delete([KEY])]
    for call in calls:
        with pytest.raises(ResultsUnavailableError) as caught:
            await call()  # type: ignore[misc]
        assert "403" in str(caught.value)
        assert "another-secret" not in str(caught.value)


async def test_a_bucket_that_is_not_there_is_told(bucket: Settings) -> None:
    files = opened(replace(bucket, results_url="s3://nowhere"))
    with pytest.raises(ResultsUnavailableError, match="NoSuchBucket"):
        await files.put(KEY, pieces(b"x"))


def names_in(directory: Path, pattern: str = "*.gz") -> list[str]:
    return [path.name for path in directory.rglob(pattern)]


async def test_a_directory_holds_nothing_that_looks_whole_and_is_not(tmp_path: Path) -> None:
    files = opened(Settings(results_url=tmp_path.as_uri()))
    seen: list[list[str]] = []

    async def watched() -> AsyncIterator[bytes]:
        yield os.urandom(6_000_000)
        seen.append(names_in(tmp_path))
        yield b"end"

    await files.put(KEY, watched())
    assert seen == [[]]
    assert names_in(tmp_path) == [f"{JOB}.json.gz"]


@pytest.mark.parametrize(
    "url",
    [
        *("/var/lib/results", "file://host/var", "file:///", "s3:///prefix", "http://host/x"),
        *("s3://key:secret@bucket", "s3://bucket?x=1", "s3://bucket:99999999/", "s3://[", "gs://b"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_secrets(url: str) -> None:
    with pytest.raises(InvalidSettingError, match="RESULTS_URL") as caught:
        open_result_files(Settings(results_url=url))
    assert "secret@" not in str(caught.value)


def test_numbers_that_cannot_be_used_are_told() -> None:
    for settings in (Settings(results_days=-1), Settings(results_link_s=700_000)):
        with pytest.raises(InvalidSettingError, match="SCRAPESTREAM_RESULTS_"):
            open_result_files(settings)
    assert open_result_files(Settings()) is None


async def test_expired_days_are_deleted_and_nothing_else(storage: Storage) -> None:
    old, kept = KEY.replace("/22/", "/18/"), [KEY, KEY.replace("/22/", "/20/"), "2020/01/01/x.txt"]
    older = KEY.replace("2026/11/22", "2025/12/31")
    for key in (old, older, *kept):
        await storage.files.put(key, pieces(b"x"))
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert await delete_expired(storage.files, now, 0) == 0
    assert await delete_expired(storage.files, now, 2) == 2
    assert await delete_expired(storage.files, now, 2) == 0
    sizes = [await storage.files.find_size(key) for key in (old, older, *kept)]
    assert sizes == [None, None, 1, 1, 1]


async def test_what_a_killed_process_left_of_a_file_goes_with_it(tmp_path: Path) -> None:
    files = opened(Settings(results_url=tmp_path.as_uri()))
    await files.put(KEY, pieces(b"whole"))
    left = tmp_path / f"{KEY}#1"
    left.write_bytes(b"half of a fi")
    assert list((await files.list_below("2026/11/22")).keys) == [KEY]
    await files.put(KEY, pieces(b"anew"))
    assert await content(files, KEY) == b"anew"
    await files.delete([KEY])
    assert names_in(tmp_path, "*.gz*") == []
