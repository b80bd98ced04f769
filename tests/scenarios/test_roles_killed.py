"""Each role is killed during a job: the job ends right, the webhook comes, nothing is doubled."""

from __future__ import annotations

import pytest

from tests.support.system import System

REVIEWS = 100


@pytest.mark.parametrize("role", ["orchestrator", "materializer", "webhooks", "api"])
def test_a_killed_role_changes_nothing(system: System, role: str) -> None:
    box = f"role-{role}"
    job_id = system.submit(system.place(REVIEWS, latency_ms=300), webhook_url=system.hook(box))
    system.until(job_id, lambda job: job["reviews_count"] >= 20)
    old_pid = system.kill(role)
    job = system.ended(job_id)
    assert (job["status"], job["reviews_count"], job["attempt"]) == ("completed", REVIEWS, 1)
    assert len(system.reviews(job_id)) == REVIEWS
    deliveries = system.delivered(box)
    assert len({dict(each["headers"])["webhook-id"] for each in deliveries}) == 1
    system.restarted(role, old_pid)
    system.check_nothing_doubled(job_id)


def test_the_webhook_agent_is_killed_between_two_tries(system: System) -> None:
    """The first try fails; the retry survives the agent's restart."""
    job_id = system.submit(system.place(1), webhook_url=system.hook("retried", fail=1))
    system.ended(job_id)
    system.delivered("retried", count=1)
    system.kill("webhooks")
    first, second = system.delivered("retried", count=2)[:2]
    assert (first["answered"], second["answered"]) == (500, 204)
    assert dict(first["headers"])["webhook-id"] == dict(second["headers"])["webhook-id"]
