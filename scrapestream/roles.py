"""The roles as processes of a stack: command, environment, and how one knows that they work."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from embedded.part import Part, http_part_ready
from scrapestream.data_directory import DataDirectory
from streams.settings import PREFIX, Settings

KEY_HOLDERS = frozenset({"api", "webhooks"})
"""Roles that read webhook secrets."""
STATIC_MEMBERS = frozenset({"orchestrator", "places", "worker"})
"""One that is killed and started again keeps its partitions: otherwise they wait for the end of
its session."""
PERSONAL_KEY_HOLDERS = frozenset({"api", "materializer", "places", "worker"})
"""Roles that write or read encrypted reviews."""
RESULTS_HOLDERS = frozenset({"api", "materializer"})
"""Roles that reach the storage of result files."""
RESULTS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
STOP_MORE_S = 5.0  # beyond the time that a role gives itself


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    """The place page to scrape without internet."""

    reviews: int = 244
    latency_ms: int = 100
    port: int = 0
    """0: a free one, the same at the next start."""

    def part(self, directory: DataDirectory, environment: Mapping[str, str]) -> Part:
        """Its process; ``port`` must be set."""
        address = f"http://127.0.0.1:{self.port}"
        return Part(
            name="demo-site",
            command=_scrapestream(
                "demo-site",
                *("--port", str(self.port), "--reviews", str(self.reviews)),
                *("--latency-ms", str(self.latency_ms)),
            ),
            environment=environment,
            address=address,
            log_file=directory.logs / "demo-site.log",
            ready=http_part_ready(f"{address}/", what="the demo site"),
        )


def role_command(directory: DataDirectory, verb: str, environment: Mapping[str, str]) -> Part:
    """A verb that runs to its end, such as ``topics``."""

    async def ready() -> None:
        """Nobody waits for it: it ends."""

    return Part(
        name=verb,
        command=_scrapestream(verb),
        environment=environment,
        address="",
        log_file=directory.logs / f"{verb}.log",
        ready=ready,
    )


def role_part(directory: DataDirectory, name: str, environment: Mapping[str, str]) -> Part:
    """A role's process; ``name`` is the role's, or with a number, as ``worker-1`` or ``api-2``."""
    role, _, number = name.partition("-")
    if role == "api" and number:  # the first one has the port that was asked for
        environment = {**environment, f"{PREFIX}API_PORT": str(directory.port(name))}
    settings = Settings.from_env(environment)
    # A worker opens foreign pages: it gets no key that it does not need.
    own = {} if role in KEY_HOLDERS else {f"{PREFIX}SECRET_KEY": ""}
    if role not in PERSONAL_KEY_HOLDERS:
        own[f"{PREFIX}PERSONAL_KEY"] = ""
    if role not in RESULTS_HOLDERS:
        own |= {key: "" for key in RESULTS_KEYS if key in os.environ}
    if role == "api":
        host = "127.0.0.1" if settings.api_host in {"0.0.0.0", "::"} else settings.api_host  # noqa: S104
        at = f"[{host}]" if ":" in host else host
        address = f"http://{at}:{settings.api_port}"
        question = f"{address}/health/ready"
    else:
        port = directory.port(f"metrics-{name}")
        own[f"{PREFIX}METRICS_PORT"] = str(port)
        address = f"http://127.0.0.1:{port}/metrics"
        question = f"http://127.0.0.1:{port}/ready"
    if role == "worker":
        own[f"{PREFIX}WORKER_ID"] = name
    if role in STATIC_MEMBERS:
        own[f"{PREFIX}INSTANCE_ID"] = f"{directory.stack_id()}-{name}"
    return Part(
        name=name,
        command=_scrapestream(role),
        environment={**environment, **own},
        address=address,
        log_file=directory.logs / f"{name}.log",
        ready=http_part_ready(question, what=name),
        stop_s=settings.shutdown_s + STOP_MORE_S + (settings.grace_s if role == "worker" else 0.0),
    )


def _scrapestream(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "scrapestream", *arguments)
