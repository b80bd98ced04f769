"""The newest state of each job: the fold, with columns for the usual questions."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from streams.domain.job import Job
from streams.projections.projection import Projection, Row


def row(job: Job) -> Row:
    """One state; a later one of the same job replaces it."""
    return (
        job.job_id,
        job.tenant,
        job.kind,
        job.url,
        str(job.status),
        job.created_at,
        job.updated_at,
        job.started_at,
        job.completed_at,
        job.attempt,
        job.outcome or "",
        job.reason or "",
        job.items_count,
        job.items_total,
        job.partition,
        job.offset,
        msgspec.json.encode(without_secret(job)).decode(),
        job.batch_id,
        job.monitor_id,
    )


def job_in(state: str | bytes) -> Job:
    """The job of the column ``state``."""
    return msgspec.json.decode(state, type=Job)


def without_secret(job: Job) -> Job:
    """The job as it is stored: the webhook's secret stays in the log alone."""
    if job.webhook is None or job.webhook.secret is None:
        return job
    return replace(job, webhook=replace(job.webhook, secret=None))


projection = Projection(
    name="jobs",
    version=1,
    columns=(
        ("job_id", "String"),
        ("tenant", "LowCardinality(String)"),
        ("kind", "LowCardinality(String)"),
        ("url", "String"),
        ("status", "LowCardinality(String)"),
        ("created_at", "DateTime64(6, 'UTC')"),
        ("updated_at", "DateTime64(6, 'UTC')"),
        ("started_at", "Nullable(DateTime64(6, 'UTC'))"),
        ("completed_at", "Nullable(DateTime64(6, 'UTC'))"),
        ("attempt", "Int32"),
        ("outcome", "LowCardinality(String)"),
        ("reason", "LowCardinality(String)"),
        ("items_count", "Int64"),
        ("items_total", "Nullable(Int64)"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("state", "String CODEC(ZSTD(3))"),
        # Added later; jobs from before belong to no batch or monitor, as the default says.
        ("batch_id", "String"),
        ("monitor_id", "String"),
    ),
    order_by="job_id",
    newest_by="offset",
    row=row,
    doc="The newest state of each job.",
)
