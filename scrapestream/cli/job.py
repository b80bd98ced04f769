"""``job show``, ``job follow``, ``job cancel``, ``job retry`` and ``job clone``."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import ApiClient, open_client
from scrapestream.cli.exits import CliError, ExitCode, exit_code_of, worst
from scrapestream.cli.following import follow_jobs, run_detachable, write_reviews
from scrapestream.cli.formats import Format, format_of
from scrapestream.cli.output import print_json, print_table, say, status_text
from scrapestream.cli.progress import open_watch
from scrapestream.cli.text import complain, json_text, plain
from scrapestream.cli.times import duration_s

JobsArgument = Annotated[list[str], typer.Argument(metavar="JOB", help="Ids of jobs.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def job() -> None:
    """Show, follow, cancel, retry or clone a job."""


@app.command()
def show(
    *,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")],
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show everything known of a job."""
    address = find_api(api, data_dir)

    async def read() -> Body:
        async with open_client(address) as client:
            return await client.read_job(job_id)

    found = asyncio.run(read())
    if as_json:
        print_json(found)
        return
    print_table(
        ("FIELD", "VALUE"),
        (
            (name, status_text(value) if name == "status" else _value_text(value))
            for name, value in found.items()
            if value not in (None, "", {})
        ),
    )


def _value_text(value: object) -> str:
    return json_text(value) if isinstance(value, dict | list) else plain(value)


@app.command()
def follow(
    *,
    job_ids: JobsArgument,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Reviews go here; - is stdout."),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("-f", "--format", help="Format of -o; else by its name, else json."),
    ] = None,
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
    """Watch jobs until they end; ended ones are shown from their beginning."""
    address = find_api(api, data_dir)
    timeout_s = None if timeout is None else duration_s(timeout)
    if as_json and output == "-":
        raise CliError("--json and -o - both want stdout; write to a file", ExitCode.USAGE)
    jobs = dict.fromkeys(job_ids, "")

    async def run() -> ExitCode:
        async with open_client(address) as client:
            with open_watch(as_json=as_json) as watch:
                followed = await follow_jobs(
                    client, jobs, watch, timeout_s=timeout_s, fail_on_partial=fail_on_partial
                )
            if output is not None:
                await write_reviews(client, followed, output, format_of(output, form))
        return worst(one.exit_code for one in followed)

    exit_code = run_detachable(run(), jobs)
    if exit_code:
        raise typer.Exit(exit_code)


@app.command()
def cancel(
    *,
    job_ids: JobsArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Ask for the end of jobs; their reviews so far are kept."""
    address = find_api(api, data_dir)

    async def run() -> list[ExitCode]:
        async with open_client(address) as client:
            return [await _cancel(client, job_id, as_json=as_json) for job_id in job_ids]

    exit_code = worst(asyncio.run(run()))
    if exit_code:
        raise typer.Exit(exit_code)


@app.command()
def retry(
    *,
    job_ids: JobsArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Try ended jobs again, each as a new job; prints the new ids."""
    _ask_again(job_ids, "retry", find_api(api, data_dir), as_json=as_json)


@app.command()
def clone(
    *,
    job_ids: JobsArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Ask for the same as other jobs did; prints the new ids."""
    _ask_again(job_ids, "clone", find_api(api, data_dir), as_json=as_json)


def _ask_again(job_ids: list[str], how: str, address: str, *, as_json: bool) -> None:
    async def ask(client: ApiClient, job_id: str) -> ExitCode:
        try:
            answer = await client.ask_again(job_id, how)
        except CliError as error:
            complain(f"{job_id}: {error}")
            return exit_code_of(error)
        if as_json:
            print_json(answer)
        else:
            say(f"queued  job {answer['job_id']}  {how} of {job_id}")
            sys.stdout.write(f"{answer['job_id']}\n")
            sys.stdout.flush()
        return ExitCode.OK

    async def run() -> list[ExitCode]:
        async with open_client(address) as client:
            return [await ask(client, job_id) for job_id in job_ids]

    exit_code = worst(asyncio.run(run()))
    if exit_code:
        raise typer.Exit(exit_code)


async def _cancel(client: ApiClient, job_id: str, *, as_json: bool) -> ExitCode:
    try:
        answer = await client.cancel(job_id)
    except CliError as error:
        complain(f"{job_id}: {error}")
        return exit_code_of(error)
    if as_json:
        print_json(answer)
    elif answer.get("status") in {"completed", "failed"}:
        say(f"job {job_id} had ended before: {answer['status']}")
    else:
        say(f"asked for the end of job {job_id}, now {answer.get('status')}")
    return ExitCode.OK
