"""Each kind of event in the log was written by the one role that may write it."""

from __future__ import annotations

from dataclasses import replace

from schemas.codec import open_codec
from schemas.registry import HttpRegistry
from streams.adapters.kafka_reader import open_reader
from streams.adapters.records import Records
from streams.domain.events import author_of
from streams.settings import Settings
from streams.topics import JOB_EVENTS, topic_schemas
from tests.support.system import System


async def test_what_stands_in_the_log_was_written_by_its_author(system: System) -> None:
    done = system.submit(system.place(10))
    failed = system.submit(system.place(10, view="not_a_place"))
    cancelled = system.submit(system.place(500, latency_ms=200))
    system.until(cancelled, lambda job: job["reviews_count"] > 0)
    system.call("DELETE", f"/jobs/{cancelled}")
    for job_id in (done, failed, cancelled):
        system.ended(job_id)

    seen: set[str] = set()
    addresses = system.addresses()
    settings = replace(Settings(), kafka_url=addresses["kafka"])
    async with (
        HttpRegistry(addresses["registry"]) as registry,
        open_reader(settings, "it-authors") as reader,
    ):
        records = Records(await open_codec(registry, topic_schemas()), "/test")
        ends = await reader.ends(JOB_EVENTS)
        reader.assign({(JOB_EVENTS, number): 0 for number in ends})
        left = sum(ends.values())
        while left > 0:
            for raw in await reader.read(timeout_s=5.0):
                left -= 1
                headers = {name: value.decode() for name, value in raw.headers}
                assert headers["ce_specversion"] == "1.0"
                assert headers["traceparent"]
                event = records.read_event(raw).event
                assert headers["ce_source"] == f"/scrapestream/{author_of(event)}"
                seen.add(type(event).__name__)
    assert {"ScrapeRequested", "CancelRequested", "AttemptFailed", "ScrapeCancelled"} <= seen
