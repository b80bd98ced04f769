"""Ready answers: views over the projections, for people and dashboards. They store nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A job counts as a success when it completed, whole or in part: `outcome` of `jobs` tells more.
_ENDED = "status IN ('completed', 'failed', 'cancelled')"
_SECONDS = "dateDiff('microsecond', started_at, completed_at) / 1e6"
_WAITED = "dateDiff('microsecond', created_at, started_at) / 1e6"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A named query."""

    name: str
    select: str
    doc: str

    def ddl(self) -> str:
        """The statement that creates it; safe to repeat."""
        return f"CREATE OR REPLACE VIEW {self.name} AS {self.select}"


def all_views() -> Sequence[View]:
    """In the order in which they are created, after the tables."""
    return (
        View(
            name="jobs_per_hour",
            select=f"""
                SELECT toStartOfHour(created_at) AS hour, kind,
                    count() AS submitted,
                    countIf(status = 'completed') AS completed,
                    countIf(status = 'failed') AS failed,
                    countIf(status = 'cancelled') AS cancelled,
                    countIf(NOT ({_ENDED})) AS open,
                    if(completed + failed = 0, NULL, completed / (completed + failed))
                        AS success_rate
                FROM jobs GROUP BY hour, kind""",  # noqa: S608 - our own names
            doc="Jobs by the hour they were submitted in; cancelled ones spoil no success rate.",
        ),
        View(
            name="job_durations",
            select=f"""
                SELECT toStartOfHour(completed_at) AS hour, kind,
                    count() AS jobs,
                    quantileExact(0.5)({_SECONDS}) AS p50_s,
                    quantileExact(0.95)({_SECONDS}) AS p95_s,
                    quantileExact(0.5)({_WAITED}) AS waited_p50_s,
                    quantileExact(0.95)({_WAITED}) AS waited_p95_s
                FROM jobs
                WHERE status = 'completed' AND started_at IS NOT NULL AND completed_at IS NOT NULL
                GROUP BY hour, kind""",  # noqa: S608 - our own names
            doc="How long completed jobs took, and waited before, by the hour they ended in.",
        ),
        View(
            name="scrape_rates",
            select=f"""
                SELECT job_id, kind, completed_at, items_count,
                    {_SECONDS} AS seconds,
                    if(seconds > 0, items_count / seconds, NULL) AS items_per_s
                FROM jobs
                WHERE status = 'completed' AND started_at IS NOT NULL AND completed_at IS NOT NULL
                """,  # noqa: S608 - our own names
            doc="Items a second of each completed job, from its first start to its end.",
        ),
        View(
            name="failures_by_cause",
            select="""
                SELECT if(failures.reason = '', 'unknown', failures.reason) AS cause, kind,
                    count() AS attempts,
                    uniqExact(failures.job_id) AS jobs,
                    uniqExactIf(failures.job_id, jobs.status = 'failed') AS jobs_failed,
                    max(failures.occurred_at) AS newest_at
                FROM (
                    SELECT job_id, occurred_at, JSONExtractString(payload, 'reason') AS reason
                    FROM job_events WHERE type IN ('AttemptFailed', 'AttemptLost')
                ) AS failures
                INNER JOIN jobs ON jobs.job_id = failures.job_id
                GROUP BY cause, kind""",
            doc="Attempts that failed or were lost, by cause, and the jobs that failed for good.",
        ),
        View(
            name="ratings_by_month",
            select="""
                SELECT url, toStartOfMonth(published_at) AS month,
                    count() AS reviews,
                    avg(stars) AS rating
                FROM (
                    SELECT jobs.url AS url,
                        JSONExtractString(items.fields, 'review_id') AS review_id,
                        argMax(JSONExtract(items.fields, 'rating', 'Nullable(Float64)'),
                            items.occurred_at) AS stars,
                        argMax(parseDateTime64BestEffortOrNull(
                            JSONExtractString(items.fields, 'published_at'), 6, 'UTC'),
                            items.occurred_at) AS published_at
                    FROM items INNER JOIN jobs ON jobs.job_id = items.job_id
                    WHERE items.schema = 'GoogleReview'
                    GROUP BY url, review_id
                )
                WHERE published_at IS NOT NULL AND stars IS NOT NULL
                GROUP BY url, month""",
            doc="Reviews and mean rating of a place by month; each review once over all its jobs.",
        ),
        View(
            name="place_ratings",
            select="""
                SELECT place_id, tenant, occurred_at AS scraped_at, job_id,
                    JSONExtract(payload, 'rating', 'Nullable(Float64)') AS rating,
                    JSONExtract(payload, 'reviews_total', 'Nullable(Int64)') AS reviews_total,
                    JSONExtractString(payload, 'outcome') AS outcome
                FROM place_events WHERE type = 'PlaceScraped'""",
            doc="Rating and announced reviews of a place, a row a scrape.",
        ),
        View(
            name="place_changes",
            select="""
                SELECT toStartOfDay(occurred_at) AS day, tenant, place_id, type, count() AS changes
                FROM place_events
                WHERE type IN ('ReviewAdded', 'ReviewEdited', 'ReviewRemoved', 'OwnerReplied')
                    AND NOT JSONExtractBool(payload, 'is_initial')
                GROUP BY day, tenant, place_id, type""",
            doc="What changed at a place, by day and type; not what its first scrape found.",
        ),
        View(
            name="items_per_kind",
            select="""
                SELECT jobs.kind AS kind, items.schema AS schema,
                    count() AS items,
                    uniqExact(items.job_id) AS jobs,
                    max(items.occurred_at) AS newest_at
                FROM items INNER JOIN jobs ON jobs.job_id = items.job_id
                GROUP BY kind, schema""",
            doc="What was found, by kind of scrape and schema.",
        ),
        View(
            name="attempts",
            select="""
                SELECT job_id,
                    JSONExtractInt(payload, 'attempt') AS attempt,
                    any(tenant) AS tenant,
                    maxIf(JSONExtractString(payload, 'worker'), type = 'AttemptStarted') AS worker,
                    minIfOrNull(occurred_at, type = 'AttemptScheduled') AS scheduled_at,
                    minIfOrNull(occurred_at, type = 'AttemptStarted') AS started_at,
                    minIfOrNull(occurred_at, type IN ('AttemptSucceeded', 'AttemptFailed',
                        'AttemptStopped', 'AttemptReleased', 'AttemptLost')) AS ended_at,
                    argMinIf(type, offset, type IN ('AttemptSucceeded', 'AttemptFailed',
                        'AttemptStopped', 'AttemptReleased', 'AttemptLost')) AS how,
                    argMaxIf(JSONExtractString(payload, 'reason'), offset,
                        type IN ('AttemptFailed', 'AttemptStopped', 'AttemptReleased',
                        'AttemptLost')) AS reason,
                    max(greatest(JSONExtractInt(payload, 'items_seen'),
                        JSONExtractInt(payload, 'items_count'))) AS items_count
                FROM job_events
                WHERE type IN ('AttemptScheduled', 'AttemptStarted', 'ProgressReported',
                    'AttemptSucceeded', 'AttemptFailed', 'AttemptStopped', 'AttemptReleased',
                    'AttemptLost')
                GROUP BY job_id, attempt""",
            doc="Attempts: who, when, how they ended and with how many items.",
        ),
        View(
            name="progress_by_minute",
            select="""
                SELECT job_id, toStartOfMinute(occurred_at) AS minute,
                    count() AS reports,
                    max(JSONExtractInt(payload, 'items_seen')) AS items_seen,
                    argMax(JSONExtractString(payload, 'stage'), offset) AS stage
                FROM job_events WHERE type = 'ProgressReported'
                GROUP BY job_id, minute""",
            doc="How far each job was at the end of each minute.",
        ),
        View(
            name="reviews",
            select="""
                SELECT job_id, tenant, position, occurred_at AS found_at,
                    JSONExtractString(fields, 'review_id') AS review_id,
                    JSONExtract(fields, 'author_name', 'Nullable(String)') AS author_name,
                    JSONExtract(fields, 'rating', 'Nullable(Float64)') AS rating,
                    JSONExtract(fields, 'text', 'Nullable(String)') AS text,
                    JSONExtract(fields, 'language', 'Nullable(String)') AS language,
                    parseDateTime64BestEffortOrNull(
                        JSONExtractString(fields, 'published_at'), 6, 'UTC') AS published_at,
                    JSONExtract(fields, 'likes', 'Nullable(Int64)') AS likes,
                    JSONExtract(fields, 'photo_urls', 'Array(String)') AS photo_urls,
                    JSONExtract(fields, 'owner_response_text', 'Nullable(String)')
                        AS owner_response_text,
                    JSONExtract(fields, 'source', 'Nullable(String)') AS source
                FROM items WHERE schema = 'GoogleReview'""",
            doc="Reviews with typed columns, each once a job.",
        ),
        View(
            name="webhook_attempts",
            select="""
                SELECT delivery_id, job_id, tenant, occurred_at,
                    JSONExtractInt(payload, 'attempt') AS attempt,
                    JSONExtractBool(payload, 'ok') AS ok,
                    JSONExtract(payload, 'status_code', 'Nullable(Int32)') AS status_code,
                    JSONExtract(payload, 'error', 'Nullable(String)') AS error,
                    JSONExtractFloat(payload, 'duration_ms') AS duration_ms,
                    parseDateTime64BestEffortOrNull(
                        JSONExtractString(payload, 'next_at'), 6, 'UTC') AS next_at
                FROM webhook_events WHERE type = 'DeliveryAttempted'""",
            doc="Every try to deliver a webhook.",
        ),
    )
