"""Waiting for jobs: shows each to its end, and says with which exit code it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import typer

from scrapestream.cli.answers import Body
from scrapestream.cli.client import FINAL, ApiClient
from scrapestream.cli.exits import CliError, ExitCode, exit_code_of
from scrapestream.cli.export import save_export
from scrapestream.cli.formats import ONE_JOB, Format, render, size_text, write_text
from scrapestream.cli.output import say
from scrapestream.cli.progress import Watch
from scrapestream.cli.text import plain
from streams.domain.job import WHOLE_OUTCOMES
from streams.errors import ScrapestreamError

FOLLOWED_AT_ONCE = 20  # streams; a file of thousands of URLs must not open thousands

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How the wait for a job ended."""

    job_id: str
    exit_code: ExitCode
    job: Body | None
    """The job at its end; None when it was not seen to end."""


async def follow_jobs(
    client: ApiClient,
    jobs: dict[str, str],
    watch: Watch,
    *,
    timeout_s: float | None = None,
    fail_on_partial: bool = False,
) -> list[Followed]:
    """Follow ``jobs`` (id to name) side by side until all have ended.

    Takes each out of ``jobs`` at its end, so that after Ctrl-C those are left that go on.
    """
    free = asyncio.Semaphore(FOLLOWED_AT_ONCE)
    loop = asyncio.get_running_loop()
    several = len(jobs) > 1
    deadline = None if timeout_s is None else loop.time() + timeout_s

    async def follow(job_id: str, title: str) -> Followed:
        try:
            async with asyncio.timeout_at(deadline), free:
                watch.start(job_id, title)
                job = await _follow_one(client, job_id, watch)
        except TimeoutError:
            watch.finish(
                job_id,
                f"still running after {timeout_s:g} s: {job_id}; go on watching with "
                f"scrapestream job follow {job_id}",
                "yellow",
            )
            return Followed(job_id=job_id, exit_code=ExitCode.TIMED_OUT, job=None)
        except ScrapestreamError as error:
            watch.finish(job_id, f"error  {job_id}: {error}", "red")
            return Followed(job_id=job_id, exit_code=exit_code_of(error), job=None)
        del jobs[job_id]
        exit_code, style = _ending(job, fail_on_partial=fail_on_partial)
        watch.finish(job_id, _sentence(job, named=several), style)
        return Followed(job_id=job_id, exit_code=exit_code, job=job)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(follow(*job)) for job in jobs.items()]
    return [task.result() for task in running]


async def _follow_one(client: ApiClient, job_id: str, watch: Watch) -> Body:
    async with aclosing(client.follow(job_id, watch.say)) as stream:
        async for message in stream:
            watch.show(job_id, message)
    job = await client.read_job(job_id)
    if job.get("status") not in FINAL:
        raise CliError(f"its stream ended, but it is {job.get('status')}")
    return job


def _ending(job: Body, *, fail_on_partial: bool) -> tuple[ExitCode, str]:
    match job["status"]:
        case "failed":
            return ExitCode.FAILED, "red"
        case "cancelled":
            return ExitCode.CANCELLED, "yellow"
    if job.get("outcome") in WHOLE_OUTCOMES:
        return ExitCode.OK, "green"
    return (ExitCode.PARTIAL if fail_on_partial else ExitCode.OK), "yellow"


def _sentence(job: Body, *, named: bool) -> str:
    """What came of a job, with its id when there are others."""
    count = reviews_text(job.get("reviews_count") or 0)
    reason = f": {plain(job['error_message'])}" if job.get("error_message") else ""
    match job["status"]:
        case "failed":
            return f"failed  {job['job_id']}{reason}"
        case "cancelled":
            return f"cancelled  {job['job_id']}, {count} kept"
    is_whole = job.get("outcome") in WHOLE_OUTCOMES
    state = "complete" if is_whole else f"not all ({job.get('outcome')}){reason}"
    name = f"{job['job_id']}  " if named else ""
    return f"done  {name}{count} in {_duration_text(job)}, {state}"


def reviews_text(count: int) -> str:
    """Such as ``1,506 reviews``."""
    return f"{count:,} review{'' if count == 1 else 's'}"


def _duration_text(job: Body) -> str:
    try:
        began = datetime.fromisoformat(str(job["created_at"]))
        seconds = (datetime.fromisoformat(str(job["completed_at"])) - began).total_seconds()
    except (KeyError, ValueError):
        return "an unknown time"
    minutes = int(seconds) // 60
    return f"{minutes} m {seconds % 60:.0f} s" if minutes else f"{seconds:.1f} s"


async def write_reviews(
    client: ApiClient, followed: Sequence[Followed], output: str, form: Format
) -> None:
    """Write what the ended jobs found, those of several jobs with a ``job_id`` each.

    Raises:
        CliError: the file cannot be written.
    """
    ended = [one.job_id for one in followed if one.job is not None]
    if form in ONE_JOB and len(ended) == 1:
        await save_export(client, ended[0], form, output)
        return
    reviews: list[Mapping[str, Any]] = []
    for job_id in ended:
        answer = await client.read_reviews(job_id)
        if not answer.get("complete", True):
            say(f"job {job_id}: not all of its reviews can be read yet", "yellow")
        named = {"job_id": job_id} if len(followed) > 1 else {}
        reviews += [{**named, **review} for review in answer["reviews"]]
    if not reviews and any(one.exit_code is not ExitCode.OK for one in followed):
        say("nothing to write", "yellow")
        return
    size_bytes = write_text(output, render(reviews, form))
    if output != "-":
        say(f"{reviews_text(len(reviews))} -> {output} ({size_text(size_bytes)})", "green")


def run_detachable(work: Coroutine[Any, Any, T], jobs: Mapping[str, str]) -> T:
    """Run ``work``; Ctrl-C leaves ``jobs`` running and says how to come back to them.

    Raises:
        typer.Exit: with 130, after Ctrl-C.
    """
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        if not jobs:
            say("interrupted; no job goes on")
        for job_id in jobs:
            say(
                f"detached, job {job_id} goes on:  scrapestream job follow {job_id}   "
                f"scrapestream job cancel {job_id}"
            )
        raise typer.Exit(ExitCode.DETACHED) from None
