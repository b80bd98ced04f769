"""``demo``: the whole way on real parts, told while it happens; leaves nothing running."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote_plus

import httpx2
import psutil
import typer

from embedded.demo.generator import DEFAULT_PLACE
from scrapestream.cli.client import ApiClient, open_client
from scrapestream.cli.demo_story import (
    check_reviews,
    check_webhook,
    histogram_lines,
    review_lines,
    tell,
)
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.following import follow_jobs
from scrapestream.cli.formats import Format, render, write_text
from scrapestream.cli.output import say
from scrapestream.cli.progress import open_watch
from scrapestream.data_directory import Addresses, DataDirectory
from scrapestream.guardian import end_members, members
from scrapestream.roles import DemoSite
from scrapestream.stack import Row, Stack
from streams.errors import ScrapestreamError
from streams.settings import PREFIX

REVIEWS = 244
JOB_S = 120.0
WEBHOOK_S = 30.0
ASK_EVERY_S = 0.1
KEPT_SETTINGS = ("CHROMIUM", "CHROMEDRIVER", "BROWSER_SANDBOX")
"""Settings of the user that the demo takes over: any other could point at real servers."""


def demo(
    *,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the reviews and the logs go.")
    ] = Path(".demo"),
) -> None:
    """Show the whole way on real parts: start, scrape, watch, verify, stop.

    Starts Kafka, a schema registry, ClickHouse, all roles and a demo place on free ports of this
    machine, submits one job, and ends with exit code 0 only when all is as it must be.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _clear_old_runs(directory)
        data_dir = Path(tempfile.mkdtemp(prefix="stack-", dir=directory))
    except OSError as error:
        raise CliError(f"{directory} cannot be used: {error}", ExitCode.USAGE) from None
    logging.getLogger("scrapestream").setLevel(logging.WARNING)
    failure: ScrapestreamError | None = None
    try:
        asyncio.run(_show(directory, data_dir))
    except ScrapestreamError as error:
        failure = error
    left = _left_running(data_dir)
    if failure is None and not left:
        shutil.rmtree(data_dir, ignore_errors=True)
        tell("All is as it must be, and nothing is left running.")
        return
    if left:
        say(f"these processes were still running and are ended now: {left}", "red")
    else:
        say("everything is stopped, nothing is left running")
    if failure is None:
        raise CliError("not all processes ended by themselves")
    if isinstance(failure, CliError) and failure.exit_code is ExitCode.DETACHED:
        shutil.rmtree(data_dir, ignore_errors=True)
        raise typer.Exit(ExitCode.DETACHED)
    say(f"logs: {data_dir / 'logs'}")
    raise failure


async def _show(directory: Path, data_dir: Path) -> None:
    with _interruptible():
        tell("Starting real parts on this machine: Kafka, schema registry, ClickHouse, Chromium")
        stack = Stack(
            data_dir,
            api_port=0,
            demo=DemoSite(reviews=REVIEWS),
            environment=_environment(),
            told=_started,
        )
        try:
            async with stack:
                await _scrape(stack.addresses, directory)
                tell("Stopping")
        except asyncio.CancelledError:
            raise CliError("interrupted", ExitCode.DETACHED) from None


async def _scrape(addresses: Addresses, directory: Path) -> None:
    site = addresses.demo_site
    assert addresses.api is not None  # noqa: S101 - the stack runs all roles
    assert site is not None  # noqa: S101 - and the demo site
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    request = {
        "url": f"{site}/demo",
        "webhook_url": f"{site}/webhooks/demo",
        "webhook_secret": secret,
    }
    async with open_client(addresses.api) as client, _open_site(site) as http:
        tell(f"Submitting one job: POST {addresses.api}/scrape  {request['url']}")
        job_id = str((await client.submit(request))["job_id"])
        await _follow(client, job_id)
        await _show_reviews(client, http, job_id, directory)
        tell("The webhook that the customer got")
        delivery = await _received(http)
        for line in check_webhook(delivery, secret, job_id, REVIEWS):
            tell(line, indent=True)


async def _follow(client: ApiClient, job_id: str) -> None:
    with open_watch() as watch:
        (followed,) = await follow_jobs(
            client, {job_id: "the demo place"}, watch, timeout_s=JOB_S, fail_on_partial=True
        )
    if followed.exit_code is not ExitCode.OK:
        raise CliError("the job did not end as it must", ExitCode.FAILED)


async def _show_reviews(
    client: ApiClient, http: httpx2.AsyncClient, job_id: str, directory: Path
) -> None:
    reviews = (await client.read_reviews(job_id))["reviews"]
    path = directory / "reviews.json"
    write_text(str(path), render(reviews, Format.JSON))
    tell("Some of the reviews")
    for line in review_lines(reviews[:3]):
        tell(line, indent=True)
    tell("Ratings")
    for line in histogram_lines(reviews):
        tell(line, indent=True)
    tell(f"All of them: {path}")
    truth = (await http.get(f"/truth/{quote_plus(DEFAULT_PLACE)}")).json()
    tell(check_reviews(reviews, REVIEWS, truth["items"]), indent=True)


async def _received(http: httpx2.AsyncClient) -> dict[str, Any]:
    """The first webhook in the demo site's box."""
    try:
        async with asyncio.timeout(WEBHOOK_S):
            while True:
                answer = await http.get("/webhooks/demo")
                deliveries: list[dict[str, Any]] = answer.json()["deliveries"]
                if deliveries:
                    return deliveries[0]
                await asyncio.sleep(ASK_EVERY_S)
    except TimeoutError:
        raise CliError(f"no webhook came within {WEBHOOK_S:g} s") from None


@asynccontextmanager
async def _open_site(site: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=site, trust_env=False) as http:
        yield http


@contextmanager
def _interruptible() -> Iterator[None]:
    """The first signal cancels this task; later ones do not disturb the stopping."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs this
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            say("interrupted, stopping everything")
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _environment() -> dict[str, str]:
    kept = {PREFIX + name for name in KEPT_SETTINGS}
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) or name in kept
    }


def _started(row: Row) -> None:
    took = "" if row.seconds is None else f"{row.seconds:.1f} s"
    tell(f"ok  {row.name:<14}{row.where.removeprefix('kafka://'):<44}{took:>7}", indent=True)


def _left_running(data_dir: Path) -> str:
    """Names of processes of the stack that still live; ends them."""
    stack_id = DataDirectory(data_dir).stack_id()
    names = ", ".join(sorted(_name(process) for process in members(stack_id)))
    if names:
        end_members(stack_id, grace_s=0)
    return names


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.name()} ({process.pid})"
    except psutil.Error:
        return str(process.pid)


def _clear_old_runs(directory: Path) -> None:
    """Remove what earlier runs kept: logs of failed ones, and all of one that was killed."""
    for old in directory.glob("stack-*"):
        data_dir = DataDirectory(old)
        if data_dir.owner() is None:
            if stack_id := data_dir.find_stack_id():
                end_members(stack_id)
            shutil.rmtree(old, ignore_errors=True)
