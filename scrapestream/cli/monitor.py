"""``monitor add``, ``ls``, ``show``, ``pause``, ``resume``, ``run`` and ``rm``."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.jobs import moment_text
from scrapestream.cli.output import print_json, print_table, say, status_text
from scrapestream.cli.scrape import PriorityOption, WebhookSecretOption, webhook_request
from scrapestream.cli.text import json_text, plain

PAGE = 1_000

MonitorArgument = Annotated[str, typer.Argument(metavar="MONITOR", help="Id of the monitor.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def monitor() -> None:
    """Scrape URLs again and again: add, list, pause, run or remove monitors."""


@app.command()
def add(
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="What is scraped.")],
    every: Annotated[
        str, typer.Option("--every", metavar="PERIOD", help="Such as 6h, 1d or PT6H.")
    ],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What you call it.")] = "",
    full_every: Annotated[
        int | None,
        typer.Option(
            "--full-every",
            metavar="N",
            min=0,
            help="Each N-th run reads the whole list; 0: the first alone; else 10.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Of the scraper; again for more."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Is told when a run ends.")
    ] = None,
    webhook_secret_env: WebhookSecretOption = None,
    priority: PriorityOption = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="TEXT", help="Idempotency key: sent again, still one."),
    ] = None,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Scrape a URL now, and then once a period; prints the monitor's id."""
    body: dict[str, Any] = {
        "url": url,
        "every": every,
        "name": name,
        "options": options_in(option or []),
        **webhook_request(webhook, webhook_secret_env, priority),
        **({} if full_every is None else {"full_every": full_every}),
    }
    headers = {} if key is None else {"idempotency-key": key}
    made = _call(find_api(api, data_dir), "POST", "/monitors", json=body, headers=headers)
    if as_json:
        print_json(made)
        return
    say(f"{made['status']}  every {made['every']}  {made['url']}")
    sys.stdout.write(f"{made['monitor_id']}\n")


@app.command()
def ls(
    *, as_json: JsonOption = False, api: ApiOption = None, data_dir: DataDirOption = None
) -> None:
    """List monitors, newest first."""
    address = find_api(api, data_dir)
    found: list[Body] = []
    query: dict[str, Any] = {"limit": PAGE}
    while True:
        answer = _call(address, "GET", "/monitors", params=query)
        found += answer["monitors"]
        if not answer["next"]:
            break
        query["cursor"] = answer["next"]
    if as_json:
        for each in found:
            print_json(each)
        return
    if not found:
        say("no monitors yet:  scrapestream monitor add URL --every 1d")
        return
    print_table(
        ("MONITOR", "STATUS", "EVERY", "NEXT RUN", "RUNS#", "LAST", "NAME", "URL"),
        (
            (
                each["monitor_id"],
                status_text(each["status"]),
                each["every"],
                moment_text(each["next_run_at"]),
                f"{each['runs_count']:,}",
                plain(each["runs"][0]["status"] or "") if each["runs"] else "",
                plain(each["name"]),
                plain(each["url"]),
            )
            for each in found
        ),
    )


@app.command()
def show(
    *,
    monitor_id: MonitorArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show a monitor and its newest runs."""
    _show(_call(find_api(api, data_dir), "GET", _path_of(monitor_id)), as_json=as_json)


@app.command()
def pause(
    *,
    monitor_id: MonitorArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Start no runs until it is resumed."""
    _set_paused(find_api(api, data_dir), monitor_id, paused=True, as_json=as_json)


@app.command()
def resume(
    *,
    monitor_id: MonitorArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Start runs again; what was missed meanwhile is not made up for."""
    _set_paused(find_api(api, data_dir), monitor_id, paused=False, as_json=as_json)


@app.command()
def run(
    *,
    monitor_id: MonitorArgument,
    full: Annotated[bool, typer.Option("--full", help="Read the whole list.")] = False,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Start a run now, beside the schedule; prints its job's id."""
    path = f"{_path_of(monitor_id)}/run"
    answer = _call(find_api(api, data_dir), "POST", path, json={"full": full})
    if as_json:
        print_json(answer)
        return
    say(f"{answer['status']}:  scrapestream job follow {answer['job_id']}")
    sys.stdout.write(f"{answer['job_id']}\n")


@app.command()
def rm(
    *, monitor_id: MonitorArgument, api: ApiOption = None, data_dir: DataDirOption = None
) -> None:
    """Remove a monitor. Its jobs and their reviews stay."""
    _call(find_api(api, data_dir), "DELETE", _path_of(monitor_id))
    say(f"monitor {monitor_id} is gone; its jobs stay")


def options_in(texts: list[str]) -> dict[str, str]:
    """The options of ``NAME=VALUE`` texts.

    Raises:
        CliError: one of them is none.
    """
    options = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise CliError(f"{text!r} is no option such as sort=newest", ExitCode.USAGE)
        options[name] = value
    return options


def _set_paused(address: str, monitor_id: str, *, paused: bool, as_json: bool) -> None:
    changed = _call(address, "PATCH", _path_of(monitor_id), json={"paused": paused})
    if as_json:
        print_json(changed)
    else:
        following = f", next run {moment_text(changed['next_run_at'])}"
        say(f"{changed['status']}{following if changed['next_run_at'] else ''}")


def _show(found: Body, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    runs = found.pop("runs")
    print_table(
        ("FIELD", "VALUE"),
        (
            (name, json_text(value) if isinstance(value, dict) else plain(value))
            for name, value in found.items()
            if value not in (None, "", {})
        ),
    )
    if not runs:
        return
    sys.stdout.write("\n")
    print_table(
        ("RUN", "DUE", "BY", "STATUS", "REVIEWS#", "FULL"),
        (
            (
                one["job_id"] or "",
                moment_text(one["due_at"]),
                one["trigger"],
                status_text(one["status"] or ""),
                "" if one["reviews_count"] is None else f"{one['reviews_count']:,}",
                "yes" if one["full"] else "",
            )
            for one in runs
        ),
    )


def _path_of(monitor_id: str) -> str:
    return f"/monitors/{quote(monitor_id, safe='')}"


def _call(address: str, method: str, path: str, **options: Any) -> Body:
    async def call() -> Body:
        async with open_client(address) as client:
            return await client.call(method, path, **options)

    return asyncio.run(call())
