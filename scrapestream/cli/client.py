"""Client of our HTTP API: requests, and a job's live stream that survives a lost connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from scrapestream import __version__
from scrapestream.cli.answers import (
    Body,
    RefusedError,
    UnreachableError,
    object_in,
    reason_of,
    refusal_of,
)
from scrapestream.cli.exits import CliError, ExitCode

TIMEOUT_S = 30.0
SILENCE_S = 45.0  # the server sends a comment every 15 s; three missing mean a dead connection
FILE_SILENCE_S = 300.0  # a workbook of a million rows is built before its first byte
RECONNECTS = 12  # with the pauses below about a minute and a half: a restart of the server
LONGEST_PAUSE_S = 10.0
PAGE = 100
"""Jobs and events asked for at once."""
FINAL = frozenset({"completed", "failed", "cancelled"})
BATCH_ENDED = "ended"

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a job's stream."""

    id: str
    """Place in the log, ``partition-offset``."""
    fields: Mapping[str, Any]

    @property
    def is_event(self) -> bool:
        """Whether it stands in the job's history; not so its place in the queue."""
        return self.fields.get("type") != "QueueMoved"

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it: the job has ended."""
        return (
            self.fields.get("status") in {*FINAL, BATCH_ENDED} or self.fields.get("stage") in FINAL
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on its way."""

    total: int
    """Rows that were announced."""
    is_complete: bool
    """Whether the job has ended, so that no row can come any more."""
    pieces: AsyncIterator[bytes]


class ApiClient:
    """Calls the API. Every method raises `UnreachableError` or `RefusedError`."""

    def __init__(self, http: httpx2.AsyncClient, *, pause_s: float = 0.5) -> None:
        self._http = http
        self._address = str(http.base_url).rstrip("/")
        self._pause_s = pause_s

    async def submit(self, request: Mapping[str, Any]) -> Body:
        """Ask for a scrape: ``job_id``, ``status``, ``estimated_time``."""
        return await self.call("POST", "/scrape", json=request)

    async def read_job(self, job_id: str) -> Body:
        """The job as it stands."""
        return await self.call("GET", f"/jobs/{quote(job_id, safe='')}")

    async def read_job_at(self, job_id: str, at: str) -> Body:
        """The job as it stood at an event's number or a time."""
        return await self.call("GET", f"/jobs/{quote(job_id, safe='')}", params={"at": at})

    async def read_diff(self, job_id: str, old: str, new: str) -> Body:
        """What changed between two such points; an empty one is the first or the newest."""
        params = {name: text for name, text in (("from", old), ("to", new)) if text}
        return await self.call("GET", f"/jobs/{quote(job_id, safe='')}/diff", params=params)

    async def cancel(self, job_id: str) -> Body:
        """Ask for the job's end; the job as it stands then."""
        return await self.call("DELETE", f"/jobs/{quote(job_id, safe='')}")

    async def ask_again(self, job_id: str, how: str) -> Body:
        """Make a new job of an old one: ``how`` is ``retry`` or ``clone``."""
        return await self.call("POST", f"/jobs/{quote(job_id, safe='')}/{how}")

    async def read_reviews(self, job_id: str) -> Body:
        """All reviews of the job so far, with ``complete``."""
        return await self.call("GET", f"/jobs/{quote(job_id, safe='')}/reviews")

    async def submit_batch(self, content: bytes, media_type: str, key: str | None) -> Body:
        """Ask for many scrapes: ``batch_id``, ``job_ids`` and ``errors`` in the items' order."""
        headers = {"content-type": media_type, **({"idempotency-key": key} if key else {})}
        return await self.call("POST", "/jobs/batch", content=content, headers=headers)

    async def read_batch(self, batch_id: str) -> Body:
        """The batch as it stands."""
        return await self.call("GET", f"/batches/{quote(batch_id, safe='')}")

    async def cancel_batch(self, batch_id: str) -> Body:
        """Ask for the end of all its open jobs; the batch as it stands then."""
        return await self.call("DELETE", f"/batches/{quote(batch_id, safe='')}")

    def follow_batch(self, batch_id: str, notify: Notify) -> AsyncGenerator[Message]:
        """The counts of a batch until all of its jobs have ended; as ``follow`` otherwise."""
        return self._follow(f"/batches/{quote(batch_id, safe='')}/stream", notify)

    async def find_jobs(self, status: str | None, limit: int) -> list[Body]:
        """Up to ``limit`` jobs, newest first."""
        params = {"status": status} if status else {}
        found: list[Body] = []
        async with aclosing(self.pages("/jobs", "jobs", params, min(limit, PAGE))) as pages:
            async for job in pages:
                found.append(job)
                if len(found) == limit:
                    break
        return found

    async def find_workers(self) -> list[Body]:
        """Every worker that was heard lately."""
        found: list[Body] = (await self.call("GET", "/workers"))["workers"]
        return found

    async def drain(self, worker: str, *, undo: bool) -> Body:
        """Ask a worker to take no more jobs; ``undo``: to take jobs again."""
        path = f"/workers/{quote(worker, safe='')}/drain"
        return await self.call("DELETE" if undo else "POST", path)

    def read_events(self, job_id: str) -> AsyncGenerator[Body]:
        """The job's history, oldest first."""
        return self.pages(f"/jobs/{quote(job_id, safe='')}/events", "events", {}, PAGE)

    def follow(self, job_id: str, notify: Notify) -> AsyncGenerator[Message]:
        """The job's messages from its beginning to its end, each once.

        A connection that breaks is made again, and goes on after the last message; ``notify``
        gets a sentence each time.

        Raises:
            UnreachableError: nobody answers, also after many tries.
        """
        return self._follow(f"/jobs/{quote(job_id, safe='')}/stream", notify)

    async def _follow(self, path: str, notify: Notify) -> AsyncGenerator[Message]:
        last_id = ""
        failures = 0
        while True:
            reason = "the server ended it"
            try:
                async with self._stream(path, last_id) as stream:
                    if stream is None:  # the job has ended, and there is nothing to add
                        return
                    if failures:
                        notify(f"connected again, going on after event {last_id}")
                    async for event in stream:
                        failures = 0
                        last_id = event.id or last_id
                        if not event.data:
                            continue
                        message = Message(last_id, object_in(event.data))
                        yield message
                        if message.is_last:
                            return
            except httpx2.TransportError as error:
                reason = reason_of(error)
                if not last_id and not failures:
                    raise UnreachableError(self._address, reason) from None
            except RefusedError as error:
                # A server that starts again may refuse for a moment; the first refusal counts.
                if not last_id or error.exit_code is not ExitCode.UNREACHABLE:
                    raise
                reason = str(error)
            failures += 1
            if failures > RECONNECTS:
                raise UnreachableError(self._address, reason)
            pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2 ** (failures - 1))
            notify(f"connection lost ({reason}); trying again in {pause_s:g} s")
            await asyncio.sleep(pause_s)

    @asynccontextmanager
    async def export(self, job_id: str, form: str, *, bom: bool) -> AsyncIterator[Download]:
        """The job's reviews as a file of the format ``form``; read its pieces to the end."""
        path = f"/jobs/{quote(job_id, safe='')}/reviews"
        params = {"format": form, **({"bom": "true"} if bom else {})}
        timeout = httpx2.Timeout(TIMEOUT_S, read=FILE_SILENCE_S)
        try:
            async with self._http.stream("GET", path, params=params, timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    raise refusal_of(response)
                yield Download(
                    total=_count_in(response),
                    is_complete=response.headers.get("x-job-complete") == "true",
                    pieces=response.aiter_bytes(),
                )
        except httpx2.ConnectError as error:
            raise UnreachableError(self._address, reason_of(error)) from None
        except httpx2.TransportError as error:
            raise CliError(
                f"the answer broke off ({reason_of(error)}), and nothing was kept; try again",
                ExitCode.UNREACHABLE,
            ) from None

    @asynccontextmanager
    async def _stream(self, path: str, last_id: str) -> AsyncIterator[httpx2.EventSource | None]:
        headers = {"accept": "text/event-stream"}
        if last_id:
            headers["last-event-id"] = last_id
        timeout = httpx2.Timeout(TIMEOUT_S, read=SILENCE_S)
        async with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code == httpx2.codes.NO_CONTENT:
                yield None
                return
            if response.is_error:
                await response.aread()
                raise refusal_of(response)
            yield httpx2.EventSource(response)

    async def pages(
        self, path: str, name: str, params: Mapping[str, str], limit: int
    ) -> AsyncGenerator[Body]:
        """Each entry of a list that is given page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = await self.call("GET", path, params={**params, "limit": limit, **cursor})
            for entry in page[name]:
                yield entry
            if not page.get("next"):
                return
            cursor = {"cursor": str(page["next"])}

    async def call(self, method: str, path: str, **options: Any) -> Body:
        """One call; the object that it is answered with."""
        try:
            response = await self._http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise UnreachableError(self._address, reason_of(error)) from None
        if response.is_error:
            raise refusal_of(response)
        return object_in(response.text) if response.content else {}


def _count_in(response: httpx2.Response) -> int:
    text = response.headers.get("x-total-count", "")
    if not text.isascii() or not text.isdigit():
        raise CliError("the answer announces no number of reviews; is this API an older one?")
    return int(text)


@asynccontextmanager
async def open_client(address: str, *, pause_s: float = 0.5) -> AsyncIterator[ApiClient]:
    """A client of the API at ``address``; ``pause_s`` is the first pause after a loss."""
    is_local = urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}
    async with httpx2.AsyncClient(
        base_url=address,
        timeout=TIMEOUT_S,
        trust_env=not is_local,  # a proxy for the world knows nothing of this machine
        headers={"user-agent": f"scrapestream/{__version__}"},
    ) as http:
        yield ApiClient(http, pause_s=pause_s)
