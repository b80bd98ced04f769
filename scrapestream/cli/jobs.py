"""``jobs``: the list of jobs."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.output import print_json, print_table, say, status_text
from scrapestream.cli.text import plain
from streams.domain.job import Status


def jobs(
    *,
    status: Annotated[Status | None, typer.Option("--status", help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List jobs, newest first."""
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


def moment_text(moment: object) -> str:
    """A time of the API in the short form of tables: UTC, to the second."""
    text = plain(moment or "")
    return text[:19].replace("T", " ")
