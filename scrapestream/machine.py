"""What a stack needs of the machine: Java, Maven once, Chromium and its driver, memory, disk."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embedded.jars import cache_directory, find_jars
from scrapers.proxies import DEFAULT, routes_of
from streams.adapters.blobs import open_result_files
from streams.errors import InvalidSettingError, ResultsUnavailableError
from streams.settings import Settings

JAVA = "apt-get install openjdk-17-jre-headless"
MAVEN = "apt-get install maven"
CHROMIUM = "apt-get install chromium chromium-driver"
JAVA_AT_LEAST = 17
SHM_MB = 256
DISK_GB = 2
RESULTS_ANSWER_S = 15.0
ASK_S = 20.0  # a cold Chromium on a loaded machine


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check."""

    name: str
    state: Literal["ok", "warning", "problem"]
    found: str
    fix: str = ""
    """What to do about it; empty when nothing is needed."""


def missing_parts(settings: Settings, *, java: bool, browser: bool) -> Iterator[str]:
    """What must be installed before a stack can start, each with the command; cheap."""
    if java and shutil.which("java") is None:
        yield f"Java is missing: {JAVA}"
    if java and find_jars() is None and shutil.which("mvn") is None:
        yield f"Maven is missing (it fetches Kafka and the registry once): {MAVEN}"
    if browser:
        for name, program in (
            ("Chromium", settings.chromium),
            ("Its driver", settings.chromedriver),
        ):
            if shutil.which(program) is None:
                yield f"{name} ({program}) is missing: {CHROMIUM}"


def sandbox_impossible() -> bool:
    """Whether Chromium's sandbox cannot work: Chromium refuses it to root."""
    return os.geteuid() == 0


def check_java() -> Finding:
    """Java of a version that the parts run on."""
    text = _answer("java", "-version")
    version = re.search(r'version "(\d+)', text or "")
    if text is None or version is None:
        return Finding("java", "problem", "not found", JAVA)
    state: Literal["ok", "problem"] = "ok" if int(version[1]) >= JAVA_AT_LEAST else "problem"
    return Finding("java", state, text.splitlines()[0], "" if state == "ok" else JAVA)


def check_jars() -> Finding:
    """Kafka and the registry on disk, or Maven to fetch them."""
    if find_jars():
        return Finding("jars", "ok", str(cache_directory()))
    if shutil.which("mvn"):
        return Finding("jars", "ok", "not here yet; `up` fetches them (150 MB)")
    return Finding("jars", "problem", "not here, and Maven is missing", MAVEN)


def check_browser(settings: Settings) -> Iterator[Finding]:
    """Chromium, its driver of the same version, its sandbox."""
    majors: list[str] = []
    for name, program in (("chromium", settings.chromium), ("chromedriver", settings.chromedriver)):
        text = _answer(program, "--version")
        version = re.search(r"(\d+)\.[\d.]+", text or "")
        if text is None or version is None:
            yield Finding(name, "problem", f"{program} not found or does not start", CHROMIUM)
        else:
            majors.append(version[1])
            yield Finding(name, "ok", text.splitlines()[0])
    if len(set(majors)) > 1:
        fix = f"install both from one source: {CHROMIUM}"
        yield Finding("versions", "problem", " and ".join(majors), fix)
    if not settings.browser_sandbox or sandbox_impossible():
        why = "off: Chromium refuses it to root" if sandbox_impossible() else "off by setting"
        yield Finding("sandbox", "warning", why, "run as an ordinary user")
    else:
        yield Finding("sandbox", "ok", "on")


def check_proxies(settings: Settings) -> Finding:
    """Through whom browsers reach sites; never with user or password."""
    try:
        routes = routes_of(settings)
    except InvalidSettingError as error:
        return Finding("proxy", "problem", str(error), "correct or unset it")
    default = routes[DEFAULT]
    found = "none: straight to the site" if default is None else default.shown
    named = [f"{name} {proxy.shown}" for name, proxy in routes.items() if proxy and name]
    return Finding("proxy", "ok", "; ".join([found, *named]))


def check_results(settings: Settings) -> Finding:
    """Whether the storage of result files answers; ``none`` when none is named."""
    if not settings.results_url:
        return Finding("results", "ok", "not kept as files")
    try:
        files = open_result_files(settings)
        if files is not None:
            asyncio.run(asyncio.wait_for(files.ping(), RESULTS_ANSWER_S))
    except (InvalidSettingError, ResultsUnavailableError, TimeoutError) as error:
        found = str(error) or f"no answer within {RESULTS_ANSWER_S:.0f} s"
        fix = "see SCRAPESTREAM_RESULTS_URL in docs/settings.md, and the AWS_* variables for S3"
        return Finding("results", "problem", found, fix)
    kept = f"deleted after {settings.results_days} days" if settings.results_days else "kept"
    return Finding("results", "ok", f"{settings.results_url} answers; files are {kept}")


def check_room(data_dir: Path) -> Iterator[Finding]:
    """Shared memory for browsers, disk for data."""
    shm = Path("/dev/shm")  # noqa: S108 - looked at, not written to
    if shm.is_dir():
        size_mb = shutil.disk_usage(shm).total // 2**20
        state: Literal["ok", "warning"] = "ok" if size_mb >= SHM_MB else "warning"
        fix = "" if state == "ok" else "docker run --shm-size=1g; tabs crash without it"
        yield Finding("shared memory", state, f"{size_mb} MB in {shm}", fix)
    there = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free_gb = shutil.disk_usage(there).free / 2**30
    enough: Literal["ok", "problem"] = "ok" if free_gb >= DISK_GB else "problem"
    fix = "" if enough == "ok" else "free some, or choose another --data-dir"
    yield Finding("disk", enough, f"{free_gb:.0f} GB free in {there}", fix)


def _answer(*command: str) -> str | None:
    """What a program says about itself, on either stream; None when it does not run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None
