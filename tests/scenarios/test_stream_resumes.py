"""A stream is cut after any event and resumed with its id: joined, it is exactly the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.support.system import System

REVIEWS = 60


def messages(system: System, job_id: str, last_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The messages of a job's stream, as a simple client reads them."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    url = f"{system.addresses()['api']}/jobs/{job_id}/stream"
    with httpx2.stream("GET", url, headers=headers, timeout=30) as answer:
        if answer.status_code == 204:
            return  # ended, and all of it was seen
        assert answer.status_code == 200
        message: dict[str, Any] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(":")
            if name in {"id", "data"} and value:
                message[name] = value.removeprefix(" ")
            elif not line and "data" in message:
                if "id" in message:  # a place in the queue has none: it is not in the log
                    yield message
                message = {}


def test_cut_anywhere_and_resumed_it_is_exactly_the_log(system: System) -> None:
    job_id = system.submit(system.place(REVIEWS, latency_ms=100))
    live = list(messages(system, job_id))  # from the first event to the end, while it happens
    log = [(event["id"], event["type"]) for event in system.events(job_id)]
    seen = [(message["id"], json.loads(message["data"])["type"]) for message in live]
    assert seen == log
    assert json.loads(live[-1]["data"])["stage"] == "completed"
    assert json.loads(live[-1]["data"])["total"] == REVIEWS

    for cut in range(len(live)):
        rest = list(messages(system, job_id, last_id=live[cut]["id"]))
        assert live[: cut + 1] + rest == live, f"cut after event {cut}"


def test_cut_while_it_happens(system: System) -> None:
    job_id = system.submit(system.place(REVIEWS, latency_ms=100))
    got: list[dict[str, Any]] = []
    while not got or json.loads(got[-1]["data"])["stage"] != "completed":
        for count, message in enumerate(
            messages(system, job_id, last_id=got[-1]["id"] if got else None)
        ):
            got.append(message)
            if count == 2:
                break  # cut, and come back
    assert [message["id"] for message in got] == [event["id"] for event in system.events(job_id)]
