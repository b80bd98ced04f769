"""Metrics of the API process, each declared here. One registry an app: nothing global."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from api.live_view import LiveView
from api.queue_view import QueueView
from streams.dead_letter_box import DeadLetterBox
from streams.dead_letters import DLQ_TOPICS, EXHAUSTED, UNREADABLE
from streams.domain.job import Job, Status
from streams.topics import SCRAPE_DLQ, WEBHOOK_DLQ

DURATION_BUCKETS_S = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300)
REVIEW_BUCKETS = (0, 1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000)
REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class ApiMetrics:
    """What ``GET /metrics`` shows. Observes a live view: counts what the log says.

    Every API process reads the whole log, so job figures are the same in each: take one of
    them (``max``), do not add them up. They count from the start of the process.
    """

    def __init__(self, live: LiveView, queue: QueueView) -> None:
        self.registry = CollectorRegistry()
        self._jobs = Counter(
            "scraper_jobs_total",
            "Jobs that were submitted or ended.",
            ["status"],
            registry=self.registry,
        )
        self._webhooks = Counter(
            "scraper_webhooks_sent_total",
            "Webhook deliveries tried.",
            ["success"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "scraper_duration_seconds",
            "Completed jobs: from the first attempt's start to the end.",
            buckets=DURATION_BUCKETS_S,
            registry=self.registry,
        )
        self._reviews = Histogram(
            "scraper_reviews_count",
            "Reviews of completed jobs.",
            buckets=REVIEW_BUCKETS,
            registry=self.registry,
        )
        active = Gauge(
            "scraper_active_jobs", "Jobs that a worker has in hand.", registry=self.registry
        )
        active.set_function(lambda: live.memory.count(Status.PROCESSING))
        queued = Gauge(
            "scraper_queue_size",
            "Jobs that wait for a worker, also between two attempts.",
            registry=self.registry,
        )
        queued.set_function(lambda: live.memory.count(Status.QUEUED, Status.RETRYING))
        oldest = Gauge(
            "scraper_queue_oldest_seconds",
            "Age of the oldest job that waits for a worker.",
            registry=self.registry,
        )
        oldest.set_function(queue.oldest_s)
        slots = Gauge(
            "scraper_slots", "Slots of living workers.", ["state"], registry=self.registry
        )
        for state in queue.slots():
            slots.labels(state).set_function(partial(_slots_of, queue, state))
        self._requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "http_request_duration_seconds",
            "Time until the headers of the answer.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._of_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.streams = Gauge("sse_streams_connected", "SSE clients now.", registry=self.registry)
        self.streams_total = Counter(
            "sse_streams_total", "SSE streams opened.", registry=self.registry
        )
        held = Gauge("live_view_jobs", "Jobs in this process's memory.", registry=self.registry)
        held.set_function(lambda: len(live.memory))
        # So that a rate() has a zero to begin with.
        self._submitted = self._jobs.labels("submitted")
        for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
            self._jobs.labels(status)
        for success in ("true", "false"):
            self._webhooks.labels(success)

    def count_dead_letters(self, box: DeadLetterBox) -> None:
        """Show the dead letters that ``box`` finds from now on, and how many are open."""
        counter = Counter(
            "scraper_dead_letters_total",
            "Records that were put aside because they cannot be processed.",
            ["topic", "reason"],
            registry=self.registry,
        )
        still_open = Gauge(
            "scraper_dead_letters_open",
            "Dead letters that nobody has requeued or dropped.",
            ["topic"],
            registry=self.registry,
        )
        for topic in DLQ_TOPICS:
            still_open.labels(topic).set_function(partial(_count_open, box, topic))
        for topic, error in ((SCRAPE_DLQ, UNREADABLE), (WEBHOOK_DLQ, EXHAUSTED)):
            counter.labels(topic, error)  # so that a rate() has a zero to begin with
        box.on_letter = lambda letter: counter.labels(letter.place[0], letter.error).inc()

    def submitted(self) -> None:
        """A ``ScrapeRequested`` was read."""
        self._submitted.inc()

    def ended(self, job: Job) -> None:
        """A job's last event was read."""
        self._jobs.labels(job.status).inc()
        if job.status is not Status.COMPLETED:
            return
        self._reviews.observe(job.items_count)
        if job.started_at is not None and job.completed_at is not None:
            self._durations.observe((job.completed_at - job.started_at).total_seconds())

    def webhook_tried(self, *, ok: bool) -> None:
        """A ``DeliveryAttempted`` was read."""
        self._webhooks.labels("true" if ok else "false").inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """The headers of an answer went out."""
        # Methods, routes and statuses are few: their children are looked up once.
        key = (method, route, status)
        children = self._of_request.get(key)
        if children is None:
            children = self._of_request[key] = (
                self._requests.labels(method, route, str(status)),
                self._request_seconds.labels(method, route),
            )
        children[0].inc()
        children[1].observe(seconds)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


def _slots_of(queue: QueueView, state: str) -> float:
    return queue.slots()[state]


def _count_open(box: DeadLetterBox, topic: str) -> int:
    return len(box.known_open(topic)) + box.left_out(topic)
