"""Files of results in a directory, in S3 or in memory, by obstore; see ``ports.ResultFiles``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from streams.errors import InvalidSettingError, ResultsUnavailableError
from streams.ports import FolderListing
from streams.settings import PREFIX, Settings

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes as a part
PARTS_AT_ONCE = 2  # of one file: more would only need more memory
REQUEST_S = 300.0
CONNECT_S = 5.0
PING_FRESH_S = 30.0
RETRY_S = 20.0  # then the caller decides; it waits longer than we should
LONGEST_LINK_S = 604_800  # S3 signs for a week at most


class Blobs:
    """Files in one of obstore's stores."""

    def __init__(self, store: LocalStore | S3Store | MemoryStore, *, link_s: int = 0) -> None:
        self._store = store
        self._link_s = link_s
        self._answered_at = float("-inf")

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Store a file, durably and as a whole; see the port."""
        attributes = None
        if isinstance(self._store, S3Store):  # a link shows what the API would
            attributes = {
                "Content-Type": "application/gzip",
                "Content-Disposition": f'attachment; filename="reviews-{key.rpartition("/")[2]}"',
            }
        source = _Source(pieces)
        try:
            with _told(f"store {key}"):
                await obstore.put_async(
                    self._store,
                    key,
                    source.read(),
                    attributes=attributes,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
                if isinstance(self._store, LocalStore) and self._store.prefix is not None:
                    # A name may outlive its bytes when the machine stops: both must be on disk.
                    await asyncio.to_thread(_sync, Path(self._store.prefix), key)
        except ResultsUnavailableError:
            if source.error is not None:  # it was not the storage that failed
                raise source.error from None
            raise

    async def find_size(self, key: str) -> int | None:
        """The file's length in bytes; None when there is none."""
        with _told(f"find {key}"):
            try:
                found = await obstore.head_async(self._store, key)
            except FileNotFoundError:
                return None
            return int(found["size"])

    async def read(self, key: str) -> AsyncIterator[bytes] | None:
        """The file's bytes; None when there is none."""
        with _told(f"read {key}"):
            try:
                found = await obstore.get_async(self._store, key)
            except FileNotFoundError:
                return None

        async def pieces() -> AsyncIterator[bytes]:
            with _told(f"read {key}"):
                async for piece in found.stream():
                    yield bytes(piece)

        return pieces()

    async def make_link(self, key: str) -> str | None:
        """A pre-signed URL; None when this storage has none, or none is wanted."""
        if not isinstance(self._store, S3Store) or not self._link_s:
            return None
        with _told(f"sign a link to {key}"):
            return await obstore.sign_async(
                self._store, "GET", key, timedelta(seconds=self._link_s)
            )

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""
        for key in keys:  # one by one: not each S3 server knows how to delete many
            with _told(f"delete {key}"):
                try:
                    if isinstance(self._store, LocalStore) and self._store.prefix is not None:
                        await asyncio.to_thread(_remove_parts, Path(self._store.prefix), key)
                    await obstore.delete_async(self._store, key)
                except FileNotFoundError:
                    continue

    async def ping(self) -> None:
        """Return when the storage answers, or did a moment ago: each question costs money."""
        if time.monotonic() - self._answered_at > PING_FRESH_S:
            await self.list_below("")
            self._answered_at = time.monotonic()

    async def list_below(self, prefix: str) -> FolderListing:
        """What lies right below ``prefix``; empty: at the top."""
        with _told(f"list {prefix or 'the storage'}"):
            found = await obstore.list_with_delimiter_async(self._store, prefix or None)
        return FolderListing(
            folders=[folder.rstrip("/") for folder in found["common_prefixes"]],
            keys=[each["path"] for each in found["objects"]],
        )


def open_result_files(settings: Settings) -> Blobs | None:
    """The storage that the settings name; None when they name none.

    Raises:
        InvalidSettingError: it cannot be used; the text says why and holds no secret.
    """
    if settings.results_days < 0:
        raise InvalidSettingError(f"{PREFIX}RESULTS_DAYS is a number of days, 0 for ever")
    if not 0 <= settings.results_link_s <= LONGEST_LINK_S:
        raise InvalidSettingError(f"{PREFIX}RESULTS_LINK_S is from 0 to {LONGEST_LINK_S} seconds")
    if not settings.results_url:
        return None
    name = f"{PREFIX}RESULTS_URL"
    try:
        url = urlsplit(settings.results_url)
        is_plain = not (url.query or url.fragment or url.username or url.password or url.port)
    except ValueError:
        raise InvalidSettingError(f"{name} is no URL") from None
    path = unquote(url.path)
    if url.scheme == "file" and is_plain and not url.hostname and len(path) > 1:
        return Blobs(_directory(Path(path)))
    if url.scheme == "s3" and is_plain and url.hostname:
        return Blobs(_bucket(url.hostname, path.strip("/")), link_s=settings.results_link_s)
    raise InvalidSettingError(
        f"{name} must be file:///DIRECTORY or s3://BUCKET/PREFIX and nothing more; "
        "keys and endpoint of S3 go into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION "
        "and AWS_ENDPOINT_URL"
    )


def _directory(path: Path) -> LocalStore:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return LocalStore(path, automatic_cleanup=True)
    except OSError as error:
        raise InvalidSettingError(f"{PREFIX}RESULTS_URL: cannot use {path}: {error}") from None


def _bucket(bucket: str, prefix: str) -> S3Store:
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    try:
        return S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "timeout": timedelta(seconds=REQUEST_S),
                "connect_timeout": timedelta(seconds=CONNECT_S),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_S)},
        )
    except (BaseError, ValueError) as error:
        raise InvalidSettingError(
            f"{PREFIX}RESULTS_URL: S3 cannot be used: {_short(error)}"
        ) from None


class _Source:
    """Pieces on their way through obstore, which changes what they raise."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.error: Exception | None = None

    async def read(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._pieces:
                yield piece
        except Exception as error:
            self.error = error
            raise


def _sync(root: Path, key: str) -> None:
    """Force a file, its name and the names of its new folders to the disk."""
    path = root / key
    for each in (path, *(parent for parent in path.parents if parent.is_relative_to(root))):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_parts(root: Path, key: str) -> None:
    """Remove what a process left that was killed while it wrote the file: ``KEY#1``."""
    path = root / key
    for part in path.parent.glob(f"{path.name}#*"):
        part.unlink(missing_ok=True)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise ResultsUnavailableError(
            f"the storage of results did not {what}: {_short(error)}"
        ) from error


def _short(error: Exception) -> str:
    """The first line: what follows are the driver's own structures."""
    return str(error).partition("\n")[0][:500]
