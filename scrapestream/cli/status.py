"""``scrapestream status``: what runs where."""

from __future__ import annotations

from dataclasses import asdict

import psutil
import typer

from scrapestream.cli.address import DataDirOption, JsonOption, default_data_dir
from scrapestream.cli.exits import ExitCode
from scrapestream.cli.output import print_json, say
from scrapestream.data_directory import DataDirectory

ADDRESSED = {"kafka": "kafka", "clickhouse": "clickhouse", "registry": "registry", "api": "api"}
MB = 2**20


def status(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Show what runs where."""
    directory = DataDirectory(data_dir or default_data_dir())
    addresses = directory.read_addresses() if directory.owner() else None
    if addresses is None:
        if as_json:
            print_json({"data_dir": str(directory.path), "running": False})
        say(f"no stack runs in {directory.path}; start one: scrapestream up")
        raise typer.Exit(ExitCode.UNREACHABLE)
    known = asdict(addresses)
    if as_json:
        print_json({**known, "running": True})
        return
    where = {name: known[key] for name, key in ADDRESSED.items()} | {
        "demo-site": addresses.demo_site
    }
    typer.echo(f"{'name':<16}{'pid':>8}{'MB':>7}  address")
    for name, pid in sorted(addresses.pids.items()):
        memory_mb = _memory_mb(pid, alone=name == "up")
        typer.echo(f"{name:<16}{pid:>8}{memory_mb:>7}  {where.get(name) or ''}".rstrip())


def _memory_mb(pid: int, *, alone: bool) -> str:
    """Resident memory, with that of all it started unless ``alone``; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *([] if alone else process.children(recursive=True))]
        return str(sum(member.memory_info().rss for member in family) // MB)
    except psutil.Error:
        return ""
