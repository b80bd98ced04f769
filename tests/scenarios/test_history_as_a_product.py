"""A finished job is taken away as a file, looked back at, verified, and asked about in SQL."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq

from streams.exports.proof import rows_in
from tests.support.system import COMMAND, START_S, System

REVIEWS = 130


def command(system: System, *arguments: str, ok: bool = True) -> str:
    """What the command prints, run beside the stack as an operator does."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--data-dir", str(system.data_dir)],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout


def test_a_job_is_exported_verified_and_asked_about(system: System, tmp_path: Path) -> None:
    job_id = system.submit(system.place(REVIEWS))
    assert system.ended(job_id)["outcome"] == "completed"
    truth = {each["review_id"]: each for each in system.truth(REVIEWS)}

    for form in ("jsonl", "csv", "parquet", "xlsx"):
        path = tmp_path / f"reviews.{form}"
        command(system, "export", job_id, "-o", str(path))
        assert rows_in(path, form) == REVIEWS
    rows = pq.read_table(tmp_path / "reviews.parquet").to_pylist()
    assert {row["review_id"] for row in rows} == set(truth)
    for row in rows:
        expected = truth[row["review_id"]]
        assert (row["text"], row["rating"]) == (expected["text"], expected["rating"])
        assert row["photo_urls"] == expected["photo_urls"]

    events = system.events(job_id)
    answer = json.loads(command(system, "events", job_id, "--verify", "--json"))
    assert (answer["events"], answer["differences"]) == (len(events), [])
    first = json.loads(command(system, "events", job_id, "--at", "1", "--json"))
    assert (first["status"], first["reviews_count"]) == ("queued", 0)
    last = json.loads(command(system, "events", job_id, "--at", str(len(events)), "--json"))
    assert (last["status"], last["reviews_count"]) == ("completed", REVIEWS)

    question = f"SELECT items_count FROM scrape_rates WHERE job_id = '{job_id}'"
    assert json.loads(command(system, "sql", question, "--json")) == {"items_count": REVIEWS}
    command(system, "sql", "TRUNCATE TABLE jobs_v1", ok=False)
    assert len(system.reviews(job_id)) == REVIEWS
