"""One machine's stack: Kafka, registry, ClickHouse, the roles, and the demo site when wanted."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from embedded.clickhouse import clickhouse_part
from embedded.jars import Jars, fetch_jars
from embedded.kafka import kafka_part
from embedded.part import Part, is_free
from embedded.registry import registry_part
from scrapers.registry import all_scrapers
from scrapestream.data_directory import Addresses, DataDirectory
from scrapestream.guardian import end_members
from scrapestream.machine import missing_parts, sandbox_impossible
from scrapestream.roles import DemoSite, role_command, role_part
from scrapestream.supervisor import Supervisor
from streams.errors import PartFailedError
from streams.settings import PREFIX, Settings

ROLES = ("api", "orchestrator", "materializer", "webhooks", "places", "worker")
"""Every role, each a process of its own; ``worker`` as often as wanted."""
PARTS = ("kafka", "clickhouse", "registry")
JAVA_PARTS = frozenset({"kafka", "registry"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TOPICS_S = 60.0

log = logging.getLogger("scrapestream.stack")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table that ``up`` prints."""

    name: str
    where: str
    seconds: float | None
    """Start-up time; None for what was not started here."""


class Stack:
    """``async with Stack(path, roles=()) as stack:`` runs only the parts; one a directory."""

    def __init__(
        self,
        data_dir: Path,
        *,
        roles: Sequence[str] = ROLES,
        workers: int = 1,
        slots: int | None = None,
        api_port: int | None = None,
        demo: DemoSite | None = None,
        environment: Mapping[str, str] | None = None,
        told: Callable[[Row], None] = lambda _row: None,
    ) -> None:
        """``told`` hears of each thing that answers. ``api_port`` 0: a free one.

        Raises:
            InvalidSettingError: a ``SCRAPESTREAM_*`` variable cannot be used.
        """
        self.directory = DataDirectory(data_dir)
        self._roles = tuple(roles)
        self._workers = workers
        self._demo = demo
        self._told = told
        self._environment = dict(os.environ if environment is None else environment)
        if slots is not None:
            self._environment[f"{PREFIX}WORKER_SLOTS"] = str(slots)
        if api_port is not None:
            self._environment[f"{PREFIX}API_PORT"] = str(api_port)
        self._settings = Settings.from_env(self._environment)
        self._held = ExitStack()
        self._supervisor: Supervisor | None = None
        self._addresses = Addresses(data_dir=str(self.directory.path))

    @property
    def addresses(self) -> Addresses:
        """What runs where, as of now."""
        pids = dict(self._supervisor.pids) if self._supervisor else {}
        return replace(self._addresses, pids={"up": os.getpid(), **pids})

    @property
    def sandbox_off(self) -> bool:
        """Whether the browsers run without Chromium's sandbox."""
        return not Settings.from_env(self._environment).browser_sandbox

    async def __aenter__(self) -> Self:
        """As `start`."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """As `stop`."""
        await self.stop()

    async def start(self) -> None:
        """Start all and wait until it answers; after an error nothing of it is left.

        Raises:
            PartFailedError: the directory or a port is taken, something is missing or did not
                start; the text says what to do.
        """
        self._held.enter_context(self.directory.claim())
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop roles, then parts; returns when no process is left."""
        try:
            if self._supervisor is not None:
                await self._supervisor.stop()
                self._supervisor = None
        finally:
            self._held.close()

    async def _start(self) -> None:
        own = self._own_parts()
        self._check(own)
        jars = await asyncio.to_thread(fetch_jars) if own & JAVA_PARTS else None
        left = await asyncio.to_thread(end_members, self.directory.stack_id())
        if left:
            log.warning("ended what an earlier stack had left", extra={"processes": left})
        # The run's own name: the guardian of an earlier run must not end this one.
        self._supervisor = Supervisor(
            f"{self.directory.stack_id()}/{os.getpid()}-{time.time_ns()}",
            self._environment,
            changed=self._write_addresses,
        )
        parts = [part async for part in self._parts(own, jars)]
        for part in parts:
            self._environment.setdefault(_url_setting(part.name), part.address)
        self._addresses = replace(
            self._addresses,
            kafka=self._environment[_url_setting("kafka")],
            clickhouse=self._environment[_url_setting("clickhouse")],
            registry=self._environment[_url_setting("registry")],
        )
        await self._stage(parts)
        for name in PARTS:
            if name not in own:
                self._told(Row(name, self._environment[_url_setting(name)], None))
        if self._roles:
            await self._start_roles()

    async def _parts(self, own: set[str], jars: Jars | None) -> AsyncIterator[Part]:
        """The parts of ``own``; formats Kafka's directory the first time."""
        path, port_of = self.directory.path, self.directory.port
        if jars is not None and "kafka" in own:
            controller = port_of("kafka-controller")
            yield await kafka_part(
                path, port=self._port("kafka"), controller_port=controller, jars=jars
            )
        if "clickhouse" in own:
            yield clickhouse_part(path, port=self._port("clickhouse"))
        if jars is not None and "registry" in own:
            management = port_of("registry-management")
            yield registry_part(
                path, port=self._port("registry"), management_port=management, jars=jars
            )

    async def _start_roles(self) -> None:
        assert self._supervisor is not None  # noqa: S101 - `_start` made it
        demo = self._demo
        if demo is not None:
            demo = replace(demo, port=demo.port or self.directory.port("demo-site"))
        self._set_defaults(demo)
        environment = {
            name: value for name, value in self._environment.items() if name.startswith(PREFIX)
        }
        began = time.monotonic()
        await self._supervisor.run_once(
            role_command(self.directory, "topics", environment), within_s=TOPICS_S
        )
        self._told(Row("topics", "", time.monotonic() - began))
        names = [name for name in self._roles if name != "worker"]
        if "worker" in self._roles:
            names += [f"worker-{number}" for number in range(1, self._workers + 1)]
        parts = [role_part(self.directory, name, environment) for name in names]
        if demo is not None:
            parts.append(demo.part(self.directory, environment))
        at = {part.name: part.address for part in parts}
        self._addresses = replace(self._addresses, api=at.get("api"), demo_site=at.get("demo-site"))
        await self._stage(parts)

    async def _stage(self, parts: Sequence[Part]) -> None:
        assert self._supervisor is not None  # noqa: S101 - `_start` made it
        took = await self._supervisor.start(parts)
        self._write_addresses()
        for part in parts:
            self._told(Row(part.name, part.address, took[part.name]))

    def _check(self, own: set[str]) -> None:
        """What can be known to fail before anything is started."""
        missing = list(
            missing_parts(
                self._settings,
                java=bool(own & JAVA_PARTS),
                browser="worker" in self._roles and self._workers > 0 and self._has_browsers(),
            )
        )
        if missing:
            raise PartFailedError("; ".join(missing))
        if "api" not in self._roles:
            return
        host, port = self._settings.api_host, self._settings.api_port
        if port == 0:
            self._environment[f"{PREFIX}API_PORT"] = str(self.directory.port("api"))
        elif not is_free(port, host):
            raise PartFailedError(
                f"port {port} of {host} is taken by another program; "
                "choose one: scrapestream up --port PORT (0: any free one)"
            )

    def _has_browsers(self) -> bool:
        """Whether the workers take kinds that need one."""
        known = all_scrapers()
        kinds = self._settings.worker_kinds or known
        return any(kind in known and known[kind].needs_browser for kind in kinds)

    def _set_defaults(self, demo: DemoSite | None) -> None:
        """Settings of a stack on one machine; what the user set stays."""
        # The queue stops with the workers, and goes on with the next start.
        defaults = {"SECRET_KEY": self.directory.secret_key(), "GRACE_S": "0"}
        if self._settings.encrypt_personal:
            defaults["PERSONAL_KEY"] = self.directory.personal_key()
        elif key := self.directory.find_personal_key():  # what was encrypted stays readable
            defaults["PERSONAL_KEY"] = key
        if self._settings.api_host in LOOPBACK:
            # Only programs of this machine can submit jobs: their webhooks may stay on it too.
            defaults |= {"WEBHOOK_ALLOW": "127.0.0.0/8,::1/128", "WEBHOOK_HTTP": "true"}
        if sandbox_impossible():
            defaults["BROWSER_SANDBOX"] = "false"
        for name, value in defaults.items():
            self._environment.setdefault(f"{PREFIX}{name}", value)
        if demo is not None:
            hosts = (*self._settings.maps_hosts, f"127.0.0.1:{demo.port}", f"localhost:{demo.port}")
            self._environment[f"{PREFIX}MAPS_HOSTS"] = ",".join(hosts)

    def _own_parts(self) -> set[str]:
        """Parts that are started here: not those whose address is set to one that is in use."""
        environment = self._environment
        return {name for name in PARTS if not _is_elsewhere(environment.get(_url_setting(name)))}

    def _port(self, part: str) -> int:
        url = self._environment.get(_url_setting(part))
        return (urlsplit(url).port if url else None) or self.directory.port(part)

    def _write_addresses(self) -> None:
        self.directory.write_addresses(self.addresses)


def _url_setting(part: str) -> str:
    return f"{PREFIX}{part.upper()}_URL"


def _is_elsewhere(url: str | None) -> bool:
    """Whether an address that was set is a running server's, here or on another machine."""
    if not url:
        return False
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK or parts.port is None:
        return True
    return not is_free(parts.port)
