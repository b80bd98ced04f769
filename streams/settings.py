"""Settings: read once from the environment at the start of a process, and handed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

import msgspec

from streams.errors import InvalidSettingError

PREFIX = "SCRAPESTREAM_"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - not bound here
"""Where one reaches what listens on every address."""
SECRETS = frozenset(
    {"secret_key", "personal_key", "keys_token", "erasures_token", "proxy", "proxies"}
)
"""Fields whose values are never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its unit. ``docs/settings.md`` is checked against this class."""

    kafka_url: str = "kafka://127.0.0.1:9092"
    """Brokers, comma separated."""
    registry_url: str = "http://127.0.0.1:8081"
    """Schema registry with the Confluent API (for Apicurio: ends in ``/apis/ccompat/v7``)."""
    clickhouse_url: str = "http://127.0.0.1:8123/default"
    """A ClickHouse server, or the embedded one of ``scrapestream up``: same protocol."""
    api_host: str = "127.0.0.1"
    """Address the API listens on."""
    api_port: int = 8080
    """Port the API listens on; 0 takes a free one."""
    public_url: str = ""
    """How clients reach the API, for links in answers and webhooks; empty: from host and port."""
    metrics_port: int = 0
    """Port on 127.0.0.1 where a role other than the API shows its metrics; 0: none."""
    secret_key: str = ""
    """Key that encrypts webhook secrets in the log: 32 bytes in URL-safe base64 (Fernet).
    The API and the webhook agent need the same one; ``scrapestream up`` makes one."""
    encrypt_personal: bool = False
    """Whether workers encrypt reviews' texts and authors in the log, with a key for each job."""
    personal_key: str = ""
    """Key that encrypts those keys in ClickHouse: as ``secret_key``, and another one. API, workers,
    materializer and tools need the same one; ``scrapestream up`` makes one."""
    keys_token: str = ""
    """Token that ``GET /keys`` asks for; empty: nobody gets a key from the API."""
    erasures_token: str = ""
    """Token that ``/erasures`` asks for; empty: nobody can forget anything through the API."""
    replication_factor: int = 1
    """Copies of each topic partition; 3 on a cluster."""
    event_retention_days: int = 0
    """Days that events, items and webhook events are kept in Kafka; 0: for ever."""
    store_retention_days: int = 0
    """Days that events, items and webhook events are kept in ClickHouse; 0: for ever.
    ``scrapestream migrate`` puts it into effect. The row of a job stays."""

    instance_id: str = ""
    """Name of this process in its consumer group: unique, and the same after a restart, so that it
    gets its partitions back at once. Empty: they come back after the group's session."""
    worker_id: str = ""
    """Name of a worker, unique and the same after a restart; empty: host and process id."""
    worker_slots: int = 2
    """Browsers a worker drives side by side; each needs about 0.5 GB."""
    worker_kinds: tuple[str, ...] = ()
    """Kinds of jobs that a worker takes, comma separated; empty: every kind that it can scrape.
    A worker of kinds that need no browser starts none and may have many slots."""
    grace_s: float = 20.0
    """Time that running attempts have to end after a worker is told to stop; then they are handed
    back, seconds. ``scrapestream up`` gives none: its queue stops too."""
    lease_s: float = 15.0
    """Silence of a worker after which its attempt is lost, seconds."""
    heartbeat_s: float = 4.0
    """Longest time between two signs of life of an attempt, seconds; well below ``lease_s``."""
    no_progress_s: float = 60.0
    """Time without a report from a scrape after which its browser is ended, seconds."""
    attempt_timeout_s: float = 3600.0
    """Longest time of one attempt, seconds."""
    max_attempts: int = 3
    """Attempts of one job."""
    retry_base_s: float = 2.0
    """First pause between attempts, seconds; doubles each time, with jitter."""
    cancel_grace_s: float = 10.0
    """Time a worker has to stop a cancelled attempt; then the job closes without it, seconds."""
    shutdown_s: float = 10.0
    """Time a process has to stop, seconds."""

    limit_per_tenant: tuple[str, ...] = ()
    """Jobs of one tenant at work at the same time: ``NUMBER``, ``NAME=NUMBER``, or both with
    commas (``5,acme=20``); 0 or empty: no limit."""
    limit_per_kind: tuple[str, ...] = ()
    """The same for each kind of job."""
    limit_per_site: tuple[str, ...] = ()
    """The same for each host that is scraped."""
    tenant_weights: tuple[str, ...] = ()
    """Shares of tenants when many wait, as ``NAME=NUMBER``; 1 for all others."""
    allow_noop: bool = False
    """Whether the kind ``noop`` is accepted, which scrapes nothing: for tests and load."""

    maps_hosts: tuple[str, ...] = ()
    """More hosts (``host:port``, comma separated) taken as Google Maps: the demo site, tests."""
    chromium: str = "chromium"
    """Browser: a path, or a name on PATH."""
    chromedriver: str = "chromedriver"
    """Driver of the browser: a path, or a name on PATH."""
    browser_sandbox: bool = True
    """Chromium's own sandbox. Off only where it cannot work (root in a container)."""
    browser_jobs: int = 50
    """Jobs after which a browser is replaced."""
    browser_minutes: float = 60.0
    """Age at which a browser is replaced before its next job, minutes; 0: any."""
    browser_max_mb: int = 1_500
    """Memory at which a browser is replaced before its next job, MB (2**20 bytes); 0: any."""
    browser_language: str = "en-US"
    """Language that the browser asks sites for."""
    browser_user_agent: str = ""
    """How the browser calls itself; empty: its own name."""
    browser_allow: tuple[str, ...] = ()
    """Networks (CIDR, comma separated) that browsers may reach although they are not public."""
    proxy: str = ""
    """Proxy of all browsers: ``http://`` or ``socks5://``, with user and password if need be."""
    proxies: tuple[str, ...] = ()
    """Proxies that a job may name: ``name=url``, comma separated."""
    proxy_dns: bool = False
    """Whether proxies resolve names. They must then keep away from private addresses themselves."""
    site_rate: float = 0.0
    """Page loads a minute of one site by this worker; 0: no limit."""
    site_concurrency: int = 0
    """Attempts at one site at the same time in this worker; 0: no limit."""
    site_retry_after_s: float = 60.0
    """Pause after HTTP 429 from a site that names none, seconds."""
    site_blocks: int = 3
    """Blocked attempts in a row after which a site is paused; 0: never."""
    site_blocks_window_s: float = 600.0
    """Time within which they must come, seconds."""
    site_pause_s: float = 300.0
    """How long a site is paused, seconds; then one attempt tries."""

    max_body_bytes: int = 1_048_576
    """Longest request body, bytes."""
    max_open_jobs: int = 100_000
    """Jobs that may wait or run; with more, submissions are refused for a while."""
    max_batch_body_bytes: int = 33_554_432
    """Longest body of ``POST /jobs/batch``, bytes."""
    max_batch_jobs: int = 25_000
    """Most requests in one ``POST /jobs/batch``."""
    monitor_min_every_s: int = 300
    """Shortest period of a monitor, seconds."""
    max_monitors: int = 10_000
    """Monitors that there may be."""
    webhook_timeout_s: float = 10.0
    """Time a webhook receiver has to answer, seconds."""
    webhook_tries: int = 3
    """Deliveries tried before the dead-letter topic."""
    webhook_retry_base_s: float = 5.0
    """First pause between deliveries, seconds; doubles each time, with jitter."""
    webhook_allow: tuple[str, ...] = ()
    """Networks (CIDR, comma separated) that webhooks may reach although they are not public."""
    webhook_http: bool = False
    """Whether webhooks may go over plain ``http``."""

    results_url: str = ""
    """Where each ended job's results are stored as a file: ``file:///DIRECTORY`` or
    ``s3://BUCKET/PREFIX`` (access by the usual ``AWS_*`` variables); empty: nowhere."""
    results_days: int = 0
    """Whole days after which a results file is deleted; 0: never."""
    results_link_s: int = 3_600
    """How long a link to a file in S3 works, seconds; 0: none, the API hands the file on."""

    batch_rows: int = 20_000
    """Rows after which the materializer inserts."""
    batch_ms: int = 200
    """Time after which it inserts what it has, milliseconds."""
    log_json: bool = True
    """One JSON object a log line; false: lines for people."""

    def api_url(self) -> str:
        """How clients reach the API: ``public_url``, or where it listens; no slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = EVERYWHERE.get(self.api_host, self.api_host)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"http://{host}:{self.api_port}"

    def brokers(self) -> list[str]:
        """``host:port`` of each broker."""
        return self.kafka_url.removeprefix("kafka://").split(",")

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read ``SCRAPESTREAM_*`` variables.

        Raises:
            InvalidSettingError: an unknown name or an unusable value; says which.
        """
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in (os.environ if environment is None else environment).items()
            if name.startswith(PREFIX)
        }
        known = {setting.name: setting for setting in fields(cls)}
        for name in given:
            if name not in known:
                raise InvalidSettingError(
                    f"there is no setting {PREFIX}{name.upper()}; docs/settings.md lists them"
                )
        values: dict[str, object] = {}
        for name, text in given.items():
            if str(known[name].type).startswith("tuple"):
                values[name] = [part.strip() for part in text.split(",") if part.strip()]
            else:
                values[name] = text
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            # The message names the field by its path (`$.lease_s`) and never holds the value.
            raise InvalidSettingError(f"a setting {PREFIX}* cannot be used: {error}") from None
