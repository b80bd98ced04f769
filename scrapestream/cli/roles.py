"""The roles as verbs, and ``topics``. Each runs in the foreground until SIGTERM."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Annotated

import typer

from streams.settings import Settings


def topics(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Create the topics and register the schemas."""
    from scrapestream.process.topics import set_up  # noqa: PLC0415 - brings all drivers along

    done = asyncio.run(set_up(Settings.from_env()))
    if as_json:
        print(json.dumps({"topics": done.topics, "schemas": done.schemas}))  # noqa: T201 - data
        return
    created = sum(done.topics.values())
    print(  # noqa: T201 - for a person
        f"{len(done.topics)} topics ({created} new), {len(done.schemas)} schemas", file=sys.stderr
    )


def api() -> None:
    """Run the HTTP API."""
    _run("api")


def orchestrator() -> None:
    """Run the orchestrator."""
    _run("orchestrator")


def worker() -> None:
    """Run a scraper worker."""
    _run("worker")


def materializer() -> None:
    """Run the materializer."""
    _run("materializer")


def webhooks() -> None:
    """Run the webhook agent."""
    _run("webhooks")


def places() -> None:
    """Run the place agent."""
    _run("places")


def _run(role: str) -> None:
    # Only the role that runs is imported: Faust, Selenium and drivers are slow to load.
    from scrapestream.process.run import run_role  # noqa: PLC0415

    run_role(role, importlib.import_module(f"scrapestream.process.{role}").run)
