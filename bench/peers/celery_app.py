"""FastAPI + Celery + Redis as its tutorials show it. Runs in an environment of its own.

Redis' address is in ``PEER_REDIS``. Imported by uvicorn and by Celery's worker, never by us.
"""

import os
import uuid

from celery import Celery  # type: ignore[import-not-found,unused-ignore]
from fastapi import FastAPI  # type: ignore[import-not-found,unused-ignore]
from pydantic import BaseModel  # type: ignore[import-not-found,unused-ignore]

REDIS = os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0")

queue = Celery("peer", broker=REDIS, backend=REDIS)
queue.conf.task_ignore_result = True
app = FastAPI()


class ScrapeRequest(BaseModel):  # type: ignore[misc,unused-ignore]
    """The same body as ours."""

    url: str
    webhook_url: str | None = None
    webhook_secret: str | None = None


@queue.task(name="scrape")  # type: ignore[untyped-decorator,unused-ignore]
def scrape(job_id: str, url: str, webhook_url: str | None) -> None:
    """Stands for the work: this measurement is about the way to it."""


@app.post("/scrape", status_code=202)  # type: ignore[untyped-decorator,unused-ignore]
def submit(asked: ScrapeRequest) -> dict[str, str]:
    """Queue a job; the answer comes once Redis has taken it."""
    job_id = str(uuid.uuid4())
    scrape.apply_async((job_id, asked.url, asked.webhook_url), task_id=job_id)
    return {"job_id": job_id, "status": "queued", "estimated_time": "20s"}
