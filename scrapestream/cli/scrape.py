"""``scrape``: submit URLs, and follow them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import UnreachableError
from scrapestream.cli.client import ApiClient, open_client
from scrapestream.cli.exits import CliError, ExitCode, exit_code_of, worst
from scrapestream.cli.following import follow_jobs, run_detachable, write_reviews
from scrapestream.cli.formats import ONE_JOB, Format, format_of
from scrapestream.cli.output import print_json, say
from scrapestream.cli.progress import open_watch
from scrapestream.cli.text import complain
from scrapestream.cli.times import duration_s

SUBMITTED_AT_ONCE = 16


class Priority(StrEnum):
    """Order in the queue."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is to be done with the URLs."""

    urls: Sequence[str]
    request: dict[str, Any]
    """All of a request but its URL."""
    follow: bool
    output: str | None
    form: Format
    timeout_s: float | None
    fail_on_partial: bool
    as_json: bool


WebhookSecretOption = Annotated[
    str | None,
    typer.Option(
        "--webhook-secret-env",
        metavar="NAME",
        help="Environment variable with the secret that signs the webhook.",
    ),
]
PriorityOption = Annotated[Priority | None, typer.Option("--priority", help="Place in the queue.")]


def scrape(
    *,
    urls: Annotated[list[str] | None, typer.Argument(metavar="URL", help="Places.")] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="More URLs, one a line; - reads stdin."),
    ] = None,
    follow: Annotated[
        bool | None,
        typer.Option(
            "--follow/--detach", help="Watch until the jobs end (also with -o), or only submit."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Reviews go here; - is stdout."),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("-f", "--format", help="Format of -o; else by its name, else json."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Is told when a job ends.")
    ] = None,
    webhook_secret_env: WebhookSecretOption = None,
    priority: PriorityOption = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="Longest wait, such as 90s, 10m, 1h30m."),
    ] = None,
    fail_on_partial: Annotated[
        bool, typer.Option("--fail-on-partial", help="Exit code 5 when a job has not all.")
    ] = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Submit URLs, and follow them.

    The reviews go to -o. With --json stdout has the answers, and with --follow the events, as
    JSON lines.
    """
    wanted = _Wanted(
        urls=_all_urls(urls or [], file),
        request=webhook_request(webhook, webhook_secret_env, priority),
        follow=(output is not None) if follow is None else follow,
        output=output,
        form=format_of(output, form),
        timeout_s=None if timeout is None else duration_s(timeout),
        fail_on_partial=fail_on_partial,
        as_json=as_json,
    )
    _refuse_contradictions(wanted)
    jobs: dict[str, str] = {}
    exit_code = run_detachable(_run(find_api(api, data_dir), wanted, jobs), jobs)
    if exit_code:
        raise typer.Exit(exit_code)


def _refuse_contradictions(wanted: _Wanted) -> None:
    if not wanted.follow and (wanted.output or wanted.timeout_s or wanted.fail_on_partial):
        raise CliError("-o, --timeout and --fail-on-partial need --follow", ExitCode.USAGE)
    if wanted.output and wanted.form in ONE_JOB and len(wanted.urls) > 1:
        raise CliError(
            f"a {wanted.form.value} file has the reviews of one job: scrapestream export JOB",
            ExitCode.USAGE,
        )
    if wanted.as_json and wanted.output == "-":
        raise CliError("--json and -o - both want stdout; write to a file", ExitCode.USAGE)


def _all_urls(urls: list[str], file: str | None) -> list[str]:
    if file is not None:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"cannot read {file}: {error}", ExitCode.USAGE) from None
        lines = [line.strip() for line in text.splitlines()]
        urls = [*urls, *(line for line in lines if line and not line.startswith("#"))]
    if not urls:
        raise CliError("no URL given: scrapestream scrape URL... [--file FILE]", ExitCode.USAGE)
    return urls


def webhook_request(
    webhook: str | None, secret_env: str | None, priority: Priority | None
) -> dict[str, Any]:
    """The fields of a request for these options.

    Raises:
        CliError: a secret without a webhook, or none in its variable.
    """
    request: dict[str, Any] = {}
    if webhook is not None:
        request["webhook_url"] = webhook
    if secret_env is not None:
        secret = os.environ.get(secret_env)
        if not secret or webhook is None:
            raise CliError(
                f"--webhook-secret-env needs --webhook, and a value in {secret_env}",
                ExitCode.USAGE,
            )
        request["webhook_secret"] = secret
    if priority is not None:
        request["priority"] = priority.value
    return request


async def _run(address: str, wanted: _Wanted, jobs: dict[str, str]) -> ExitCode:
    async with open_client(address) as client:
        codes = await _submit_all(client, wanted, jobs)
        if not wanted.follow or not jobs:
            return worst(codes)
        if len(jobs) == 1 and sys.stderr.isatty():
            say("Ctrl-C detaches, the job goes on")
        with open_watch(as_json=wanted.as_json) as watch:
            followed = await follow_jobs(
                client,
                jobs,
                watch,
                timeout_s=wanted.timeout_s,
                fail_on_partial=wanted.fail_on_partial,
            )
        if wanted.output is not None:
            await write_reviews(client, followed, wanted.output, wanted.form)
    return worst([*codes, *(one.exit_code for one in followed)])


async def _submit_all(client: ApiClient, wanted: _Wanted, jobs: dict[str, str]) -> list[ExitCode]:
    """Submit each URL; the codes of those that were refused. Fills ``jobs``."""
    free = asyncio.Semaphore(SUBMITTED_AT_ONCE)
    unreachable: list[UnreachableError] = []

    async def submit(url: str) -> ExitCode:
        async with free:
            if unreachable:
                return ExitCode.UNREACHABLE
            try:
                answer = await client.submit({"url": url, **wanted.request})
            except UnreachableError as error:
                if not unreachable:  # one message for all is enough
                    complain(str(error))
                unreachable.append(error)
                return exit_code_of(error)
            except CliError as error:
                complain(f"{url}: {error}")
                return exit_code_of(error)
        job_id = str(answer["job_id"])
        jobs[job_id] = url
        if wanted.follow:
            return ExitCode.OK
        if wanted.as_json:
            print_json({"url": url, **answer})
        else:
            say(f"{answer['status']}  job {job_id}  about {answer.get('estimated_time')}  {url}")
            sys.stdout.write(f"{job_id}\n")
        return ExitCode.OK

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(submit(url)) for url in wanted.urls]
    return [task.result() for task in running]
