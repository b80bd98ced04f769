"""``scrapestream up``: start everything on this machine, and stop it again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from scrapestream.cli.address import DataDirOption, JsonOption, default_data_dir
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.output import print_json, say
from scrapestream.data_directory import DataDirectory
from scrapestream.roles import DemoSite
from scrapestream.stack import ROLES, Row, Stack

LABELS = {
    "kafka": "Kafka",
    "clickhouse": "ClickHouse",
    "registry": "Schema registry",
    "topics": "Topics, schemas",
    "api": "API + page",
    "demo-site": "Demo place",
}


def up(
    *,
    data_dir: DataDirOption = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the API; 0: a free one. [default: 8080]"),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Scraper processes.")] = 1,
    slots: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Browsers of each, about 0.5 GB each. [default: 2]"),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="A place to scrape, too.")] = False,
    only_parts: Annotated[
        bool, typer.Option("--only-parts", help="Kafka, registry and ClickHouse, no roles.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background.")] = False,
    as_json: JsonOption = False,
    ready_fd: Annotated[int | None, typer.Option("--ready-fd", hidden=True)] = None,
) -> None:
    """Start everything on this machine."""
    directory = DataDirectory(data_dir or default_data_dir())
    if detach:
        given = {"--port": port, "--workers": workers, "--slots": slots}
        flags = {"--demo": demo, "--only-parts": only_parts}
        options = [f"{name}={value}" for name, value in given.items() if value is not None]
        options += [name for name, value in flags.items() if value]
        _detach(directory, options, as_json=as_json)
        return
    report = _Report(ready_fd)
    stack = Stack(
        directory.path,
        roles=() if only_parts else ROLES,
        workers=workers,
        slots=slots,
        api_port=port,
        demo=DemoSite() if demo else None,
        told=_show,
    )
    _log_to(directory, also_file=ready_fd is None)
    try:
        asyncio.run(_run(stack, report, as_json=as_json))
    except Exception as error:
        report.send({"error": str(error)})
        raise


async def _run(stack: Stack, report: _Report, *, as_json: bool) -> None:
    """Start, say so, wait for a signal, stop."""
    loop = asyncio.get_running_loop()
    wanted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, wanted.set)
    stopping = asyncio.create_task(wanted.wait())
    starting = asyncio.create_task(stack.start())
    # A Ctrl-C during the start stops what has been started.
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise CliError("stopped before everything was up", ExitCode.DETACHED)
    starting.result()
    try:
        _show_next(stack)
        if as_json:
            print_json(asdict(stack.addresses))
        report.send({"addresses": asdict(stack.addresses)})
        await stopping
        say("stopping")
    finally:
        await stack.stop()
    say("stopped")


def _detach(directory: DataDirectory, options: Sequence[str], *, as_json: bool) -> None:
    """Run this command again in a session of its own; returns once that one is up."""
    directory.make()
    log_file = directory.logs / "up.log"
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "scrapestream", "up", "--data-dir", str(directory.path)]
    with os.fdopen(reader, encoding="utf-8") as report, log_file.open("ab") as output:
        child = subprocess.Popen(
            [*command, *options, f"--ready-fd={writer}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writer,),
            start_new_session=True,
        )
        os.close(writer)
        try:
            told: dict[str, Any] = json.loads(report.read() or "{}")
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise CliError("stopped before everything was up", ExitCode.DETACHED) from None
    if "addresses" not in told:
        code = child.wait()
        known = {ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.FAILED}
        raise CliError(
            told.get("error") or f"it ended before it was up; see {log_file}",
            ExitCode(code) if code in known else ExitCode.FAILED,
        )
    addresses = told["addresses"]
    if as_json:
        print_json(addresses)
    where = f"API {addresses['api']}" if addresses["api"] else "parts only"
    say(f"up in the background (pid {child.pid}), {where}; log: {log_file}")
    say(f"Stop: scrapestream down --data-dir {directory.path}")


class _Report:
    """Tells the process in the foreground how the start went, once."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def send(self, told: dict[str, Any]) -> None:
        """Tell it; nothing when nobody waits, or it was told before."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "w") as pipe:
                json.dump(told, pipe)


def _show(row: Row) -> None:
    """One line of the table, as soon as it is true."""
    label = LABELS.get(row.name, row.name.replace("-", " ").capitalize())
    took = "not ours" if row.seconds is None else f"{row.seconds:.1f} s"
    _line("ok", typer.colors.GREEN, f"{label:<16}{_short(row.where):<46}{took:>8}")


def _show_next(stack: Stack) -> None:
    addresses = stack.addresses
    if stack.sandbox_off:
        warning = "Chromium's sandbox is off; run as an ordinary user to have it"
        _line("!", typer.colors.YELLOW, warning)
    typer.secho("  Not for production: no login, one broker.", err=True, dim=True)
    typer.secho(f"  Data: {addresses.data_dir}   Stop: Ctrl-C", err=True, dim=True)
    if addresses.api:
        url = f"{addresses.demo_site}/demo" if addresses.demo_site else "URL"
        typer.secho(f"  Next:  scrapestream scrape {url} --follow", err=True)


def _line(mark: str, color: str, text: str) -> None:
    typer.secho(f"  {mark:<4}", fg=color, nl=False, err=True)
    typer.echo(text, err=True)


def _short(where: str) -> str:
    return where.removeprefix("kafka://").removesuffix("/default")


def _log_to(directory: DataDirectory, *, also_file: bool) -> None:
    """Restarts and the like go to stderr, and to a file unless stderr is that file."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if also_file:
        directory.make()
        handlers.append(logging.FileHandler(directory.logs / "up.log"))
    for handler in handlers:
        handler.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("scrapestream")
    logger.handlers = handlers
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _Line(logging.Formatter):
    """A message and its fields on one line."""

    _own = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        """As the base class, then ``name=value``."""
        line = super().format(record)
        added = {name: value for name, value in vars(record).items() if name not in self._own}
        return " ".join([line, *(f"{name}={value}" for name, value in added.items())])
