"""Every error that crosses a boundary of ours. ``code`` is part of the HTTP contract."""

from __future__ import annotations

from collections.abc import Sequence


class ScrapestreamError(Exception):
    """Base of all; its text tells the reader what to do and holds no secret."""

    code = "internal"


class InvalidSettingError(ScrapestreamError):
    """A setting is unknown or has no usable value; the process must not start."""

    code = "invalid_setting"


class InvalidRequestError(ScrapestreamError):
    """The request can never work as it stands."""

    code = "invalid_request"


class UnknownScraperError(InvalidRequestError):
    """No scraper accepts this URL."""

    code = "input.url_unsupported"

    def __init__(self, url: str, accepted: str) -> None:
        super().__init__(f"no scraper accepts {url!r}; accepted are {accepted}")
        self.url = url


class IdempotencyKeyReusedError(InvalidRequestError):
    """The key was used for another request; nothing was stored for this one."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was used for another request: send a new key, "
            "or the same body as before"
        )


class UnknownJobError(ScrapestreamError):
    """There is no job of this id."""

    code = "unknown_job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id!r}")
        self.job_id = job_id


class NoJobOfPlaceError(UnknownJobError):
    """No job is of this place."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.args = (f"there is no job of the place {place!r}",)


class OpenJobsError(ScrapestreamError):
    """What is to be forgotten has jobs that are not over; nothing was asked for."""

    code = "job_open"

    def __init__(self, job_ids: Sequence[str]) -> None:
        super().__init__(
            f"{len(job_ids)} of its jobs are not over ({', '.join(job_ids[:5])}): cancel them, or "
            "wait; then forget"
        )


class UnknownErasureError(ScrapestreamError):
    """There is no erasure of this id."""

    code = "unknown_erasure"

    def __init__(self, erasure_id: str) -> None:
        super().__init__(f"there is no erasure {erasure_id!r}")


class UnknownBatchError(ScrapestreamError):
    """There is no batch of this id."""

    code = "unknown_batch"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"there is no batch {batch_id!r}")


class UnknownPlaceError(ScrapestreamError):
    """The tenant has no place of this id."""

    code = "unknown_place"

    def __init__(self, place_id: str) -> None:
        super().__init__(f"there is no place {place_id!r}")


class UnknownMonitorError(ScrapestreamError):
    """There is no monitor of this id."""

    code = "unknown_monitor"

    def __init__(self, monitor_id: str) -> None:
        super().__init__(f"there is no monitor {monitor_id!r}")


class UnknownLetterError(ScrapestreamError):
    """There is no dead letter at this place."""

    code = "unknown_letter"

    def __init__(self, place: str) -> None:
        super().__init__(f"there is no dead letter {place!r}")


class UnknownKeyError(ScrapestreamError):
    """There is no key of this id, or it was destroyed."""

    code = "unknown_key"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key {key_id!r}: none ever was, or its job was forgotten")


class UnknownReplayError(ScrapestreamError):
    """There is no replay of this id."""

    code = "unknown_replay"

    def __init__(self, replay_id: str) -> None:
        super().__init__(f"there is no replay {replay_id!r}")


class ReplayRunningError(ScrapestreamError):
    """A replay that has not ended changes the same tables or topic; nothing was asked for."""

    code = "replay_running"

    def __init__(self, replay_id: str) -> None:
        super().__init__(
            f"replay {replay_id} changes the same and has not ended: wait for it, or stop it"
        )


class UnavailableError(ScrapestreamError):
    """A part that we need does not answer; the same call may work later."""

    code = "unavailable"

    retry_after_s: int = 2
    """Seconds after which another try makes sense."""


class LogUnavailableError(UnavailableError):
    """Kafka did not acknowledge in time; the event may or may not be stored: append it again."""

    code = "log_unavailable"


class StoreUnavailableError(UnavailableError):
    """ClickHouse did not answer, or does not have the rows yet; ask again."""

    code = "storage.unavailable"


class ResultsUnavailableError(UnavailableError):
    """The storage of result files does not do what it was asked; ask again."""

    code = "results.unavailable"


class RefusedStatementError(InvalidRequestError):
    """ClickHouse does not run this statement, at all or for us; its text says why."""

    code = "refused_statement"


class RegistryUnavailableError(UnavailableError):
    """The schema registry did not answer; ask again."""

    code = "registry_unavailable"


class UnreadableRecordError(ScrapestreamError):
    """A record's bytes can never be read; reject it to the dead-letter topic."""

    code = "unreadable_record"


class InvalidItemError(ScrapestreamError):
    """A scraper's item does not fit its schema."""

    code = "invalid_item"


class TopicReplacedError(ScrapestreamError):
    """A topic was deleted and made anew; the store is filled from the one before."""

    code = "topic_replaced"

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"the topic {topic} is not the one that ClickHouse was filled from: it was deleted and "
            "made anew, and its offsets begin again. `scrapestream migrate --new-log` sets the "
            "present tables aside under other names and begins with empty ones"
        )
        self.topic = topic


class NewerStoreError(ScrapestreamError):
    """The store was set up by a later release."""

    code = "store_newer"

    def __init__(self, number: int, name: str, newest: int) -> None:
        super().__init__(
            f"ClickHouse was set up by a later release: it has migration {number} ({name}), and "
            f"this release ends with {newest}. Install that release, or one after it"
        )


class ChangedMigrationError(ScrapestreamError):
    """A change of the store reads otherwise than when it was run: a bug of ours."""

    code = "migration_changed"

    def __init__(self, number: int, name: str) -> None:
        super().__init__(
            f"migration {number} ({name}) is not the one that this store has behind it: "
            "was the program changed by hand? Install it again"
        )


class BrowserLostError(ScrapestreamError):
    """The browser or its driver is gone or hangs; start a new one and go on."""

    code = "scraper.browser_crashed"


class ProxyUnknownError(ScrapestreamError):
    """A job names a proxy that this worker does not have; another one may."""

    code = "input.proxy_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this worker has no proxy {name!r}: name one of its SCRAPESTREAM_PROXIES, or none"
        )


class TargetRefusedError(ScrapestreamError):
    """The page cannot be scraped; ``outcome`` says why."""

    def __init__(
        self,
        outcome: str,
        message: str,
        *,
        may_retry: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        """One of the outcome codes, such as ``not_a_place``."""
        self.may_retry = may_retry
        """Whether another try can end differently."""
        self.retry_after_s = retry_after_s
        """Pause before it that the site asks for, seconds."""


class PartFailedError(ScrapestreamError):
    """An embedded part did not start; its text names the log file and what to do."""

    code = "part_failed"
