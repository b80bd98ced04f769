"""``jobs``: the list of jobs; ``jobs retry`` and ``jobs cancel``: all that filters take."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, print_table, say, status_text
from scrapestream.cli.text import plain
from scrapestream.cli.times import since_moment
from streams.domain.job import Status

StatusesOption = Annotated[
    list[Status] | None, typer.Option("--status", help="Only these; may be repeated.")
]
KindOption = Annotated[str | None, typer.Option("--kind", help="Only this kind.")]
UrlOption = Annotated[
    str | None, typer.Option("--url-prefix", metavar="URL", help="Only URLs that begin so.")
]
BatchOption = Annotated[str | None, typer.Option("--batch", metavar="ID", help="Only this batch.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Such as 2026-11-22T12:00Z, or 90m for ago."),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=5_000, help="At most so many.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")]

app = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def jobs(
    ctx: typer.Context,
    *,
    status: Annotated[Status | None, typer.Option("--status", help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List jobs, newest first; retry or cancel many."""
    if ctx.invoked_subcommand is not None:
        return
    address = find_api(api, data_dir)

    async def read() -> list[Body]:
        async with open_client(address) as client:
            return await client.find_jobs(status.value if status else None, limit)

    found = asyncio.run(read())
    if as_json:
        for job in found:
            print_json(job)
        return
    if not found:
        say(f"no {status.value} jobs" if status else "no jobs yet:  scrapestream scrape URL")
        return
    print_table(
        ("JOB", "STATUS", "STAGE", "REVIEWS#", "DONE#", "CREATED", "URL"),
        (
            (
                job["job_id"],
                status_text(job["status"]),
                job.get("stage") or "",
                f"{job.get('reviews_count') or 0:,}",
                f"{job.get('progress') or 0} %",
                moment_text(job.get("created_at")),
                job.get("url") or "",
            )
            for job in found
        ),
    )


@app.command()
def retry(
    *,
    status: StatusesOption = None,
    kind: KindOption = None,
    url_prefix: UrlOption = None,
    batch: BatchOption = None,
    since: SinceOption = None,
    limit: LimitOption = 1_000,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Try again all ended jobs that the filters take and that are not whole."""
    body = _choice(status, kind, url_prefix, batch, since, limit, dry_run=dry_run)
    _at_once(find_api(api, data_dir), "retry", body, as_json=as_json)


@app.command()
def cancel(
    *,
    status: StatusesOption = None,
    kind: KindOption = None,
    url_prefix: UrlOption = None,
    batch: BatchOption = None,
    since: SinceOption = None,
    limit: LimitOption = 1_000,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Ask for the end of all open jobs that the filters take."""
    body = _choice(status, kind, url_prefix, batch, since, limit, dry_run=dry_run)
    _at_once(find_api(api, data_dir), "cancel", body, as_json=as_json)


def _choice(
    status: list[Status] | None,
    kind: str | None,
    url_prefix: str | None,
    batch: str | None,
    since: str | None,
    limit: int,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    filters = {
        "status": [each.value for each in status or ()],
        "kind": kind,
        "url_prefix": url_prefix,
        "batch_id": batch,
        "created_from": since_moment(since, datetime.now(UTC)) if since else None,
    }
    named = {name: value for name, value in filters.items() if value}
    if not named:
        raise CliError("name at least one filter, such as --status or --batch", ExitCode.USAGE)
    return {**named, "limit": limit, "dry_run": dry_run}


def _at_once(address: str, how: str, body: dict[str, Any], *, as_json: bool) -> None:
    async def call() -> Body:
        async with open_client(address) as client:
            return await client.call("POST", f"/jobs/{how}", json=body)

    answer = asyncio.run(call())
    failed = [each for each in answer["results"] if each["result"].startswith("failed")]
    if as_json:
        print_json(answer)
    else:
        for each in answer["results"]:
            new = f"  as {each['retry_job_id']}" if "retry_job_id" in each else ""
            say(f"{each['result']}  {each['job_id']}{new}", "red" if each in failed else "")
        say(f"{answer['matched']:,} jobs" + (", and more: --limit" if answer["has_more"] else ""))
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def moment_text(moment: object) -> str:
    """A time of the API in the short form of tables: UTC, to the second."""
    text = plain(moment or "")
    return text[:19].replace("T", " ")
