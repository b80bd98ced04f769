"""Log against store: what is the same passes, every difference is named, also on real parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scrapestream.cli.app import app
from scrapestream.cli.exits import ExitCode
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.domain.events import ScrapeRequested, Webhook
from streams.domain.fold import fold
from streams.domain.ids import JobId, new_job_id
from streams.domain.recorded import Recorded
from streams.projections import job_events, jobs
from streams.projections.projection import Projection
from streams.settings import Settings
from streams.verification import compare
from tests.api.job_events import completed, progress, started
from tests.streams.test_materializer import materializing, stored, story

JOB = JobId("0" * 32)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ASKED = ScrapeRequested(
    kind="google_reviews", url="https://x/", webhook=Webhook(url="https://h/", secret="sealed")
)


def history() -> list[Recorded]:
    events = (ASKED, *started(), progress(3), *completed(3))
    return [
        Recorded(
            job_id=JOB,
            tenant="public",
            event_id=str(offset),
            occurred_at=AT,
            partition=3,
            offset=offset,
            event=event,
        )
        for offset, event in enumerate(events, 40)
    ]


def row(projection: Projection, record: Any) -> dict[str, Any]:
    """A row as ``verify`` reads it from the store."""
    names = [name for name, _ in projection.columns]
    found = dict(zip(names, projection.row(record), strict=True))
    return {
        name: json.loads(value) if name in {"state", "payload"} else value
        for name, value in found.items()
    }


def job_row(events: Sequence[Recorded]) -> dict[str, Any]:
    return row(jobs.projection, fold(events))


def event_rows(events: Sequence[Recorded]) -> list[dict[str, Any]]:
    return [row(job_events.projection, recorded) for recorded in events]


def test_rows_that_are_the_fold_do_not_differ() -> None:
    events = history()
    comparison = compare(events, job_row(events), event_rows(events))
    assert comparison.differences == []
    assert comparison.events_count == len(events)
    assert comparison.fields_count > 100


@pytest.mark.parametrize("column", [name for name, _ in jobs.projection.columns if name != "state"])
def test_every_column_of_the_job_is_compared(column: str) -> None:
    events = history()
    changed = {**job_row(events), column: "something else"}
    (difference,) = compare(events, changed, event_rows(events)).differences
    assert (difference.where, difference.store) == (f"job.{column}", "something else")


def test_every_field_of_the_state_and_of_a_payload_is_compared() -> None:
    events = history()
    whole = job_row(events)
    for name in whole["state"]:
        changed = {**whole, "state": {**whole["state"], name: "else"}}
        (difference,) = compare(events, changed, event_rows(events)).differences
        assert difference.where == f"job.state.{name}"
    rows = event_rows(events)
    rows[3]["payload"] = {**rows[3]["payload"], "items_seen": 4}
    (difference,) = compare(events, whole, rows).differences
    assert (difference.where, difference.log, difference.store) == (
        "event 4.payload.items_seen",
        3,
        4,
    )


def test_what_only_one_side_has_is_a_difference() -> None:
    events = history()
    whole, rows = job_row(events), event_rows(events)
    (difference,) = compare(events, None, rows).differences
    assert (difference.where, difference.store) == ("job", None)
    (difference,) = compare(events, whole, rows[:2] + rows[3:]).differences
    assert (difference.where, difference.store) == ("event 3", None)
    wheres = [one.where for one in compare(events[:-1], whole, rows).differences]
    assert "event 6" in wheres
    assert "job.status" in wheres


def verified(parts: Settings, monkeypatch: pytest.MonkeyPatch, job_id: str) -> Result:
    """The verb, run against the real parts."""
    monkeypatch.setenv("SCRAPESTREAM_KAFKA_URL", parts.kafka_url)
    monkeypatch.setenv("SCRAPESTREAM_REGISTRY_URL", parts.registry_url)
    monkeypatch.setenv("SCRAPESTREAM_CLICKHOUSE_URL", parts.clickhouse_url)
    return CliRunner().invoke(app, ["events", job_id, "--verify", "--json"])


def test_a_job_of_the_log_is_what_the_store_says_until_a_row_is_changed(
    parts: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = new_job_id()
    events = story(job_id, progress=30)

    async def write() -> None:
        async with (
            open_log(parts, "test") as log,
            open_clickhouse(parts) as clickhouse,
            materializing(parts),
        ):
            await log.event_log.append(events)
            await stored(clickhouse, [job_id], len(events))

    async def tamper() -> None:
        async with open_clickhouse(parts) as clickhouse:
            rows = await clickhouse.rows(
                "SELECT state FROM jobs WHERE job_id = {job:String}", {"job": job_id}
            )
            job = jobs.job_in(rows[0][0])
            changed = replace(job, items_count=31, title="another")
            await clickhouse.insert(jobs.projection, [jobs.row(changed)], token=f"it-{job_id}")

    asyncio.run(write())
    result = verified(parts, monkeypatch, job_id)
    assert result.exit_code == ExitCode.OK, result.output
    answer = json.loads(result.stdout)
    assert (answer["events"], answer["differences"]) == (len(events), [])

    asyncio.run(tamper())
    result = verified(parts, monkeypatch, job_id)
    assert result.exit_code == ExitCode.FAILED, result.output
    found = {
        one["where"]: (one["log"], one["store"]) for one in json.loads(result.stdout)["differences"]
    }
    assert found == {
        "job.items_count": (30, 31),
        "job.state.items_count": (30, 31),
        "job.state.title": ("", "another"),
    }

    assert verified(parts, monkeypatch, "0" * 32).exit_code == ExitCode.NOT_FOUND
