"""The views give the right numbers on the real engine, and every documented question runs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import statistics
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scrapestream.cli.app import app
from scrapestream.cli.exits import ExitCode
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.events import AttemptFailed, AttemptLost, JobEvent
from streams.domain.ids import JobId, item_event_id, new_job_id
from streams.domain.items import RecordedItem
from streams.domain.job import Job, Status
from streams.domain.recorded import Recorded
from streams.projections import items, job_events, jobs
from streams.projections.analytics import all_views
from streams.settings import Settings

NO_PARTITION = 1_000  # of no topic: the materializer goes on behind what is stored of real ones
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "analytics.md").read_text()
QUESTIONS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
HOUR = datetime(2026, 3, 1, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Data:
    """Jobs of a kind and a place of their own, in the shared database."""

    clickhouse: ClickHouse
    kind: str
    url: str
    jobs: Sequence[Job]


def job(kind: str, url: str, status: Status, began_min: int, took_s: int, **more: Any) -> Job:
    created = HOUR + timedelta(minutes=began_min)
    ended = created + timedelta(seconds=10 + took_s)
    return Job(
        **{
            "job_id": new_job_id(),
            "tenant": "public",
            "kind": kind,
            "url": url,
            "status": status,
            "created_at": created,
            "updated_at": ended,
            "attempt_changed_at": ended,
            "started_at": created + timedelta(seconds=10),
            "completed_at": ended,
            "partition": NO_PARTITION,
            "offset": 5,
            **more,
        }
    )


def item(job_id: JobId, name: str, rating: float, month: int, seen_day: int) -> RecordedItem:
    return RecordedItem(
        job_id=job_id,
        tenant="public",
        event_id=item_event_id(job_id, name),
        occurred_at=datetime(2026, 5, seen_day, tzinfo=UTC),
        partition=NO_PARTITION,
        offset=seen_day,
        schema="GoogleReview",
        fields={
            "review_id": name,
            "rating": rating,
            "published_at": datetime(2026, month, 15, tzinfo=UTC),
            "position": 1,
        },
    )


def failure(of: Job, event: JobEvent, offset: int) -> Recorded:
    return Recorded(
        job_id=of.job_id,
        tenant="public",
        event_id=f"{of.job_id}-{offset}",
        occurred_at=HOUR + timedelta(minutes=offset),
        partition=NO_PARTITION,
        offset=offset,
        event=event,
    )


@pytest.fixture
async def data(parts: Settings) -> AsyncIterator[Data]:
    mark = new_job_id()[:8]
    kind, url = f"it-{mark}", f"https://it.example/{mark}"
    made = [
        *(job(kind, url, Status.COMPLETED, n, 10 * n, items_count=100 * n) for n in range(1, 11)),
        job(kind, url, Status.FAILED, 11, 5, reason="source.blocked"),
        job(kind, url, Status.FAILED, 12, 5, reason="worker.lost"),
        job(kind, url, Status.CANCELLED, 13, 5),
        job(kind, url, Status.QUEUED, 14, 0, started_at=None, completed_at=None),
    ]
    lost = AttemptLost(attempt=1, worker="w")
    blocked = AttemptFailed(
        attempt=1, worker="w", reason="source.blocked", message="", may_retry=True
    )
    events = [
        failure(made[0], blocked, 2),
        failure(made[10], blocked, 3),
        failure(made[10], blocked, 4),
        failure(made[11], lost, 5),
    ]
    found = [
        item(made[0].job_id, "a", 5.0, month=1, seen_day=1),
        item(made[0].job_id, "b", 2.0, month=1, seen_day=1),
        item(made[0].job_id, "c", 4.0, month=2, seen_day=1),
        item(made[1].job_id, "a", 3.0, month=1, seen_day=2),  # seen again, and changed
    ]
    async with open_clickhouse(parts) as clickhouse:
        for projection, rows in (
            (jobs.projection, [jobs.row(each) for each in made]),
            (job_events.projection, [job_events.row(each) for each in events]),
            (items.projection, [items.row(each) for each in found]),
        ):
            # Each row twice, as after a crash: the views must count it once.
            for copy in range(2):
                await clickhouse.insert(projection, rows, token=f"{mark}-{projection.name}-{copy}")
        yield Data(clickhouse, kind, url, made)


async def rows_of(data: Data, view: str, columns: str, more: str = "") -> list[tuple[Any, ...]]:
    rows = await data.clickhouse.rows(
        f"SELECT {columns} FROM {view} WHERE kind = {{kind:String}} {more}", {"kind": data.kind}
    )
    return [tuple(row) for row in rows]


async def test_the_views_count_what_was_put_in(data: Data) -> None:
    assert await rows_of(
        data, "jobs_per_hour", "hour, submitted, completed, failed, cancelled, open, success_rate"
    ) == [(HOUR, 14, 10, 2, 1, 1, pytest.approx(10 / 12))]

    (durations,) = await rows_of(data, "job_durations", "jobs, p50_s, p95_s, waited_p50_s")
    took = [10.0 * n for n in range(1, 11)]
    assert durations[0] == 10
    assert statistics.median_low(took) <= durations[1] <= statistics.median_high(took)
    assert durations[2:] == (100.0, 10.0)

    rates = await rows_of(data, "scrape_rates", "items_per_s")
    assert rates == [(10.0,)] * 10

    causes = await rows_of(
        data, "failures_by_cause", "cause, attempts, jobs, jobs_failed, newest_at", "ORDER BY cause"
    )
    assert causes == [
        ("source.blocked", 3, 2, 1, HOUR + timedelta(minutes=4)),
        ("worker.lost", 1, 1, 1, HOUR + timedelta(minutes=5)),
    ]

    assert await rows_of(data, "items_per_kind", "schema, items, jobs") == [("GoogleReview", 4, 2)]

    months = await data.clickhouse.rows(
        "SELECT toString(month), reviews, rating FROM ratings_by_month "
        "WHERE url = {url:String} ORDER BY month",
        {"url": data.url},
    )
    assert [tuple(row) for row in months] == [("2026-01-01", 2, 2.5), ("2026-02-01", 1, 4.0)]


async def test_every_documented_question_runs(data: Data) -> None:
    assert len(QUESTIONS) >= len(all_views())
    for question in QUESTIONS:
        await data.clickhouse.rows(question)
    for view in all_views():
        assert any(f"FROM {view.name}" in question for question in QUESTIONS), view.name
        assert f"| `{view.name}` |" in PAGE


async def test_items_are_counted_once(data: Data) -> None:
    store = ClickHouseStore(data.clickhouse)
    assert await store.count_items(data.jobs[0].job_id) == 3
    assert await store.count_items(new_job_id()) == 0


def ask(parts: Settings, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("SCRAPESTREAM_CLICKHOUSE_URL", parts.clickhouse_url)
    return CliRunner().invoke(app, ["sql", *arguments])


def test_a_question_is_answered_as_table_json_or_csv(
    parts: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = (
        "SELECT number, '=1+' || toString(number) AS text, "
        "toDateTime64('2026-01-02 03:04:05', 6, 'UTC') AS at FROM numbers(2) -- the end;"
    )
    table = ask(parts, monkeypatch, question)
    assert table.exit_code == 0, table.output
    assert [line.split()[:2] for line in table.stdout.splitlines()] == [
        ["number", "text"],
        ["0", "=1+0"],
        ["1", "=1+1"],
    ]
    answer = ask(parts, monkeypatch, question, "--json").stdout
    assert [json.loads(line) for line in answer.splitlines()][1] == {
        "number": 1,
        "text": "=1+1",
        "at": "2026-01-02T03:04:05+00:00",
    }
    as_csv = ask(parts, monkeypatch, question, "--csv").stdout
    assert list(csv.DictReader(io.StringIO(as_csv)))[1]["text"] == "'=1+1"
    empty = ask(parts, monkeypatch, "SELECT 1 AS one WHERE 0", "--csv")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "no rows" in empty.stderr
    many = ask(parts, monkeypatch, "SELECT number FROM numbers(200000)", "--json")
    assert len(many.stdout.splitlines()) == 200_000


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE jobs_v1",
        "DROP VIEW jobs_per_hour",
        "ALTER TABLE jobs_v1 DELETE WHERE 1",
        "DELETE FROM jobs_v1 WHERE 1",
        "TRUNCATE TABLE jobs_v1",
        "CREATE TABLE stolen (a Int32) ENGINE = Memory",
        "INSERT INTO jobs_v1 SELECT * FROM jobs_v1",
        "SET readonly = 0",
        "SYSTEM SHUTDOWN",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 INTO OUTFILE '/tmp/scrapestream-outfile'",
        "SELECT 1 /* ' */ INTO /* ' */ OUTFILE '/tmp/scrapestream-outfile'",
        "SELECT 1 # '\n INTO OUTFILE '/tmp/scrapestream-outfile'",
        "SELECT 1; DROP TABLE jobs_v1",
        "SELEC 1",
        "SELECT no_such_column FROM jobs",
    ],
)
def test_whatever_is_no_question_is_refused(
    parts: Settings, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    result = ask(parts, monkeypatch, statement)
    assert result.exit_code == ExitCode.USAGE, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) <= 3
    assert not Path("/tmp/scrapestream-outfile").exists()  # noqa: S108
    # Nobody who comes after is bound by our restriction.
    asyncio.run(still_writable(parts))


async def still_writable(parts: Settings) -> None:
    async with open_clickhouse(parts) as clickhouse:
        for _ in range(16):  # every handle of the embedded engine has its turn
            await clickhouse.run("CREATE TABLE IF NOT EXISTS it_writable (a Int32) ENGINE = Memory")
        await clickhouse.run("DROP TABLE it_writable")


def test_the_refusal_says_what_one_can_do(parts: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ask(parts, monkeypatch, "DROP TABLE jobs_v1")
    assert "here one can only read" in refused.stderr
    wrong = ask(parts, monkeypatch, "SELECT no_such_column FROM jobs")
    assert "no_such_column" in wrong.stderr
    assert ask(parts, monkeypatch, " ; ").exit_code == ExitCode.USAGE
    assert ask(parts, monkeypatch, "SELECT 1", "--json", "--csv").exit_code == ExitCode.USAGE
