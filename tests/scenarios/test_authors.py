"""Each kind of event in the log was written by the one role that may write it."""

from __future__ import annotations

from dataclasses import replace

from streams.adapters.kafka_reader import open_reader
from streams.domain.events import AUTHORS
from streams.settings import Settings
from streams.topics import JOB_EVENTS
from tests.support.system import System


async def test_what_stands_in_the_log_was_written_by_its_author(system: System) -> None:
    done = system.submit(system.place(10))
    failed = system.submit(system.place(10, view="not_a_place"))
    cancelled = system.submit(system.place(500, latency_ms=200))
    system.until(cancelled, lambda job: job["reviews_count"] > 0)
    system.call("DELETE", f"/jobs/{cancelled}")
    for job_id in (done, failed, cancelled):
        system.ended(job_id)

    authors = {event.__name__: f"/scrapestream/{author}" for event, author in AUTHORS.items()}
    seen: dict[str, set[str]] = {}
    settings = replace(Settings(), kafka_url=system.addresses()["kafka"])
    async with open_reader(settings, "it-authors") as reader:
        ends = await reader.ends(JOB_EVENTS)
        reader.assign({(JOB_EVENTS, number): 0 for number in ends})
        left = sum(ends.values())
        while left > 0:
            for raw in await reader.read(timeout_s=5.0):
                left -= 1
                headers = {name: value.decode() for name, value in raw.headers}
                assert headers["ce_specversion"] == "1.0"
                assert headers["traceparent"]
                name = headers["ce_type"].rpartition(".")[2]
                seen.setdefault(name, set()).add(headers["ce_source"])
    assert {name: {authors[name]} for name in seen} == seen
    assert {"ScrapeRequested", "CancelRequested", "AttemptFailed", "ScrapeCancelled"} <= set(seen)
