"""A server on loopback that speaks our HTTP contract from a script: for clients of the API."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Body = dict[str, Any]


@dataclass(kw_only=True)
class ScriptedJob:
    """What the server says of one job."""

    job: Body
    messages: Sequence[Body] = ()
    """Of its stream; the n-th has the id ``3-n``, from 0."""
    cuts: list[int] = field(default_factory=list)
    """How many messages each connection gives before it breaks; when used up, all."""
    place: Body | None = None
    """Where it stands in the queue, told after the first message."""
    hangs: bool = False
    """Whether the stream stays open after its messages."""
    reviews: Sequence[Body] = ()
    events: Sequence[Body] = ()
    asked_after: list[str] = field(default_factory=list)
    """``Last-Event-ID`` of each connection; empty for none."""


@dataclass(kw_only=True)
class ScriptedApi:
    """Jobs by id and by the URL that they are submitted with."""

    jobs: dict[str, ScriptedJob] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    """Job id by URL; any other URL is refused."""
    refusal: tuple[int, Body] | None = None
    """Answers everything."""
    submitted: list[Body] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Path and query of each GET of a list."""
    asked_at_once: list[tuple[str, Body]] = field(default_factory=list)
    """Verb and body of each order for many jobs."""
    workers: list[Body] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    """Method and worker of each order."""
    places: dict[str, Body] = field(default_factory=dict)
    """Answers by path, such as ``/places``; lists are on one page."""

    def forget(self) -> None:
        """Start over, for the next test."""
        self.jobs, self.urls, self.submitted, self.asked = {}, {}, [], []
        self.workers, self.drained, self.asked_at_once = [], [], []
        self.places = {}
        self.refusal = None

    def add(self, url: str, **job: Any) -> ScriptedJob:
        """A job for ``url``; further arguments are those of `ScriptedJob`."""
        job_id = f"job-{len(self.jobs) + 1}"
        scripted = ScriptedJob(job={"job_id": job_id, "url": url, **job.pop("job")}, **job)
        self.jobs[job_id] = scripted
        self.urls[url] = job_id
        return scripted

    def app(self) -> Starlette:
        """The routes of the contract."""
        return Starlette(
            routes=[
                Route("/scrape", self._guarded(self._submit), methods=["POST"]),
                Route("/jobs", self._guarded(self._list)),
                Route("/workers", self._guarded(self._list_workers)),
                Route(
                    "/workers/{worker}/drain",
                    self._guarded(self._drain),
                    methods=["POST", "DELETE"],
                ),
                Route("/jobs/{how}", self._guarded(self._at_once), methods=["POST"]),
                Route("/places{rest:path}", self._guarded(self._places)),
                Route("/jobs/{id}", self._guarded(self._show)),
                Route("/jobs/{id}", self._guarded(self._cancel), methods=["DELETE"]),
                Route("/jobs/{id}/{how:str}", self._guarded(self._again), methods=["POST"]),
                Route("/jobs/{id}/reviews", self._guarded(self._reviews)),
                Route("/jobs/{id}/events", self._guarded(self._events)),
                Route("/jobs/{id}/stream", self._guarded(self._stream)),
            ]
        )

    def _guarded(self, answer: Any) -> Any:
        async def route(request: Request) -> Response:
            if self.refusal is not None:
                return _problem(*self.refusal)
            if "id" in request.path_params and request.path_params["id"] not in self.jobs:
                return _problem(404, {"title": "There is no job of this id", "code": "unknown_job"})
            response: Response = await answer(request)
            return response

        return route

    async def _submit(self, request: Request) -> Response:
        wanted = await request.json()
        self.submitted.append(wanted)
        job_id = self.urls.get(wanted["url"])
        if job_id is None:
            return _problem(422, {"title": "No scraper accepts this URL", "code": "input.url"})
        answer = {"job_id": job_id, "status": "queued", "estimated_time": "20s"}
        return JSONResponse(answer, status_code=202)

    async def _list_workers(self, request: Request) -> Response:
        return JSONResponse({"workers": self.workers})

    async def _drain(self, request: Request) -> Response:
        worker = request.path_params["worker"]
        if worker not in {known["id"] for known in self.workers}:
            return _problem(404, {"title": "There is no worker of this name"})
        self.drained.append(f"{request.method} {worker}")
        return JSONResponse({"id": worker, "draining": request.method == "POST"}, status_code=202)

    async def _places(self, request: Request) -> Response:
        self.asked.append(f"{request.url.path}?{request.url.query}")
        answer = self.places.get(request.url.path)
        if answer is None:
            return _problem(404, {"title": "There is no place of this id", "code": "unknown_place"})
        return JSONResponse(answer)

    async def _show(self, request: Request) -> Response:
        return JSONResponse(self._job(request).job)

    async def _cancel(self, request: Request) -> Response:
        return JSONResponse({**self._job(request).job, "status": "cancelled"}, status_code=202)

    async def _again(self, request: Request) -> Response:
        job_id = f"{request.path_params['how']}-of-{request.path_params['id']}"
        return JSONResponse({"job_id": job_id, "status": "queued"}, status_code=202)

    async def _at_once(self, request: Request) -> Response:
        asked = await request.json()
        self.asked_at_once.append((request.path_params["how"], asked))
        results = [
            {"job_id": job_id, "result": "would be" if asked["dry_run"] else "done"}
            for job_id, scripted in self.jobs.items()
            if scripted.job["status"] in asked["status"]
        ]
        answer = {"dry_run": asked["dry_run"], "matched": len(results), "has_more": False}
        return JSONResponse({**answer, "results": results})

    async def _reviews(self, request: Request) -> Response:
        job = self._job(request)
        answer = {"reviews": list(job.reviews), "complete": True, "next": None}
        return JSONResponse({**job.job, **answer})

    async def _list(self, request: Request) -> Response:
        self.asked.append(f"{request.url.path}?{request.url.query}")
        status = request.query_params.get("status")
        found = [job.job for job in reversed(self.jobs.values())]
        wanted = [job for job in found if status in (None, job["status"])]
        return JSONResponse(_page("jobs", wanted, request))

    async def _events(self, request: Request) -> Response:
        return JSONResponse(_page("events", self._job(request).events, request))

    async def _stream(self, request: Request) -> Response:
        job = self._job(request)
        after = request.headers.get("last-event-id", "")
        job.asked_after.append(after)
        first = int(after.partition("-")[2]) + 1 if after else 0
        stop = first + job.cuts.pop(0) if job.cuts else None

        async def messages() -> AsyncIterator[str]:
            yield ": scrapestream\nretry: 2000\n"
            for number, message in enumerate(job.messages[first:stop], first):
                yield f"id: 3-{number}\ndata: {json.dumps(message)}\n\n"
                if number == 0 and job.place is not None:
                    yield f"event: queue\ndata: {json.dumps(job.place)}\n\n"
            if stop is not None:
                # Half a message and then nothing, as when a server is killed.
                yield f"id: 3-{stop}\ndata: {{"
                raise ConnectionAbortedError
            if job.hangs:
                await asyncio.Event().wait()

        return StreamingResponse(messages(), media_type="text/event-stream")

    def _job(self, request: Request) -> ScriptedJob:
        return self.jobs[request.path_params["id"]]


def _page(name: str, entries: Sequence[Body], request: Request) -> Body:
    first, limit = (int(request.query_params.get(key, 0)) for key in ("cursor", "limit"))
    page = entries[first : first + limit]
    more = first + limit < len(entries)
    return {name: list(page), "next": str(first + limit) if more else None}


def _problem(status: int, body: Mapping[str, Any]) -> Response:
    return JSONResponse(dict(body), status_code=status, media_type="application/problem+json")


@contextmanager
def serve(api: ScriptedApi) -> Iterator[str]:
    """Serve it from a thread; gives the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on a client can connect, and waits for the thread
        config = uvicorn.Config(api.app(), log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
