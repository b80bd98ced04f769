"""The whole store is held against the whole log: what is doubled or missing is found."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect

from tests.support.system import COMMAND, System


def test_a_row_too_many_is_found(system: System) -> None:
    job_id = system.submit(system.place(10), webhook_url=system.hook("audited"))
    system.ended(job_id)
    system.delivered("audited")
    code, found = audited(system)
    assert (code, found["violations"]) == (0, [])
    assert found["items"] >= 10

    url = urlsplit(system.addresses()["clickhouse"])
    with clickhouse_connect.get_client(host=url.hostname, port=url.port) as client:
        client.command(
            "INSERT INTO job_events_v1 SELECT * FROM job_events_v1 "
            f"WHERE job_id = '{job_id}' ORDER BY offset LIMIT 1"
        )
        code, found = audited(system)
        client.command("OPTIMIZE TABLE job_events_v1 FINAL")  # as it was
    assert (code, [each["rule"] for each in found["violations"]]) == (1, ["event_doubled"])
    assert audited(system)[0] == 0


def audited(system: System) -> tuple[int, dict[str, Any]]:
    """What ``scrapestream audit`` finds."""
    done = subprocess.run(
        [*COMMAND, "audit", "--json", "--settled", "30", "--data-dir", str(system.data_dir)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found
