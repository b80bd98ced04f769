"""``scrapestream doctor``: is this machine ready, and does the stack on it work."""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from urllib.parse import urljoin, urlsplit

import typer

from embedded.kafka import has_broker
from embedded.part import answers_http
from scrapestream.cli.address import DataDirOption, JsonOption, default_data_dir
from scrapestream.cli.exits import ExitCode
from scrapestream.cli.output import print_json
from scrapestream.data_directory import Addresses, DataDirectory
from scrapestream.machine import (
    Finding,
    check_browser,
    check_jars,
    check_java,
    check_proxies,
    check_results,
    check_room,
)
from streams.errors import InvalidSettingError
from streams.settings import Settings

COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Check this machine and the stack, with what to do."""
    directory = DataDirectory(data_dir or default_data_dir())
    findings: list[Finding] = []
    for finding in _findings(directory):
        findings.append(finding)
        if not as_json:  # each as soon as it is known: some take a second
            typer.secho(f"{finding.state:<8}", fg=COLORS[finding.state], nl=False)
            typer.echo(f" {finding.name:<14} {finding.found}")
            if finding.fix:
                typer.echo(f"{'':<24}{finding.fix}")
    count = Counter[str](finding.state for finding in findings)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "count": dict(count)})
    else:
        typer.echo(_summary(count))
    if count["problem"]:
        raise typer.Exit(ExitCode.FAILED)


def _findings(directory: DataDirectory) -> Iterator[Finding]:
    yield Finding("python", "ok", platform.python_version())
    try:
        settings = Settings.from_env()
        yield Finding("settings", "ok", "every SCRAPESTREAM_* variable can be used")
    except InvalidSettingError as error:
        settings = Settings()
        yield Finding("settings", "problem", str(error), "correct or unset it")
    yield check_java()
    yield check_jars()
    yield from check_browser(settings)
    yield check_proxies(settings)
    yield check_results(settings)
    yield from check_room(directory.path)
    addresses = directory.read_addresses() if directory.owner() else None
    if addresses is None:
        yield Finding("stack", "ok", f"none runs in {directory.path}")
        return
    yield Finding("stack", "ok", f"runs in {directory.path} (pid {addresses.pids.get('up')})")
    for name, address, answers in asyncio.run(_reach(addresses)):
        log_file = directory.logs / f"{name}.log"
        fix = "" if answers else f"see {log_file}; it starts again by itself when it died"
        yield Finding(name, "ok" if answers else "problem", address, fix)


async def _reach(addresses: Addresses) -> list[tuple[str, str, bool]]:
    """Name, address and whether it answers, of each part of a running stack."""
    questions = {
        "registry": (addresses.registry, f"{addresses.registry}/subjects"),
        "clickhouse": (addresses.clickhouse, urljoin(addresses.clickhouse or "", "/ping")),
        "api": (addresses.api, f"{addresses.api}/health/ready"),
        "demo-site": (addresses.demo_site, f"{addresses.demo_site}/"),
    }
    reached = [
        (name, address, await answers_http(question))
        for name, (address, question) in questions.items()
        if address
    ]
    if addresses.kafka:
        at = urlsplit(addresses.kafka.partition(",")[0])
        answers = await has_broker(at.port or 9092, at.hostname or "127.0.0.1")
        reached.insert(0, ("kafka", addresses.kafka, answers))
    return reached


def _summary(count: Counter[str]) -> str:
    parts = [f"{count['ok']} ok"]
    for state in ("warning", "problem"):
        plural = "" if count[state] == 1 else "s"
        parts.append(f"{count[state]} {state}{plural}")
    return ", ".join(parts)
