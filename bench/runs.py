"""A job through a whole stack, and what its log says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One job from its request to its end."""

    job: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def took_s(self) -> float:
        """From the start of its attempt to its end, seconds."""
        begun, ended = (
            datetime.fromisoformat(self.job[name]) for name in ("started_at", "completed_at")
        )
        return (ended - begun).total_seconds()

    def reached_s(self, reviews: int) -> float:
        """From the start of its attempt until so many reviews were in the log, seconds."""
        begun = datetime.fromisoformat(self.job["started_at"])
        at = next(
            datetime.fromisoformat(event["occurred_at"])
            for event in self.events
            if event["type"] == "ProgressReported" and event["data"]["items_seen"] >= reviews
        )
        return (at - begun).total_seconds()


async def submit(api: httpx2.AsyncClient, url: str) -> str:
    """Submit a job; its id."""
    answer = await api.post("/scrape", json={"url": url})
    answer.raise_for_status()
    return str(answer.json()["job_id"])


async def follow(api: httpx2.AsyncClient, job_id: str) -> Run:
    """The job, once it has ended."""
    async with api.stream("GET", f"/jobs/{job_id}/stream", timeout=600) as answer:
        async for _ in answer.aiter_lines():
            pass  # until it ends
    job = (await api.get(f"/jobs/{job_id}")).json()
    events = (await api.get(f"/jobs/{job_id}/events")).json()["events"]
    return Run(job=job, events=events)


async def distinct_reviews(api: httpx2.AsyncClient, job_id: str) -> int:
    """Distinct ids of the reviews that the API hands out for a job."""
    reviews = (await api.get(f"/jobs/{job_id}/reviews", timeout=120)).json()["reviews"]
    return len({review["review_id"] for review in reviews})
