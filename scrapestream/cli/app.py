"""The command: a table of verbs, each loaded only when it is run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from scrapestream import __version__
from scrapestream.cli.exits import exit_code_of
from scrapestream.cli.text import complain
from streams.errors import ScrapestreamError

STACK = "One machine"
JOBS = "Jobs"
TOOLS = "Tools"
ROLES = "Roles (one process each)"


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb as the overview lists it, and where its code is."""

    target: str
    """``module:name`` of a function, or of a ``typer.Typer`` with verbs of its own."""
    summary: str
    """One line; a test compares it with the function's docstring."""
    panel: str


VERBS: Mapping[str, Verb] = {
    "up": Verb("scrapestream.cli.up:up", "Start everything on this machine.", STACK),
    "down": Verb("scrapestream.cli.down:down", "Stop the stack of a data directory.", STACK),
    "status": Verb("scrapestream.cli.status:status", "Show what runs where.", STACK),
    "doctor": Verb(
        "scrapestream.cli.doctor:doctor",
        "Check this machine and the stack, with what to do.",
        STACK,
    ),
    "demo": Verb(
        "scrapestream.cli.demo:demo",
        "Show the whole way on real parts: start, scrape, watch, verify, stop.",
        STACK,
    ),
    "scrape": Verb("scrapestream.cli.scrape:scrape", "Submit URLs, and follow them.", JOBS),
    "jobs": Verb(
        "scrapestream.cli.jobs:app", "List jobs, newest first; retry or cancel many.", JOBS
    ),
    "job": Verb("scrapestream.cli.job:app", "Show, follow, cancel, retry or clone a job.", JOBS),
    "batch": Verb("scrapestream.cli.batch:app", "Submit, show or cancel many jobs at once.", JOBS),
    "monitor": Verb(
        "scrapestream.cli.monitor:app",
        "Scrape URLs again and again: add, list, pause, run or remove monitors.",
        JOBS,
    ),
    "events": Verb("scrapestream.cli.events:events", "Show what happened to a job.", JOBS),
    "export": Verb(
        "scrapestream.cli.export:export",
        "Write the reviews of a job to a file, and prove that it has all.",
        JOBS,
    ),
    "audit": Verb(
        "scrapestream.cli.audit:audit",
        "Hold ClickHouse against the log: every event, job, item, webhook and place event, once.",
        TOOLS,
    ),
    "replay": Verb(
        "scrapestream.cli.replay:replay",
        "Rebuild projections from the log beside the live ones, then move reads over.",
        TOOLS,
    ),
    "forget": Verb(
        "scrapestream.cli.forget:forget",
        "Erase a job, a place or an author everywhere, and prove it by a search.",
        TOOLS,
    ),
    "dlq": Verb("scrapestream.cli.dlq:app", "List, show, requeue or drop dead letters.", TOOLS),
    "parse": Verb(
        "scrapestream.cli.parse:parse",
        "Print what a saved page holds, as JSON: outcome, place, items.",
        TOOLS,
    ),
    "probe": Verb(
        "scrapestream.cli.probe:probe",
        "Read some items in a browser of its own, and show which selectors served.",
        TOOLS,
    ),
    "demo-site": Verb(
        "scrapestream.cli.demo_site:demo_site",
        "Serve demo places and receive webhooks until Ctrl-C.",
        TOOLS,
    ),
    "tail": Verb(
        "scrapestream.cli.tail:tail",
        "Print the records of a topic as they come, decoded.",
        TOOLS,
    ),
    "sql": Verb(
        "scrapestream.cli.sql:sql", "Ask ClickHouse; whatever would write is refused.", TOOLS
    ),
    "asyncapi": Verb(
        "scrapestream.cli.asyncapi:asyncapi",
        "Print the topics and messages as an AsyncAPI document.",
        TOOLS,
    ),
    "topics": Verb(
        "scrapestream.cli.roles:topics", "Create the topics and register the schemas.", ROLES
    ),
    "migrate": Verb(
        "scrapestream.cli.migrate:migrate", "Bring ClickHouse to what this release needs.", ROLES
    ),
    "api": Verb("scrapestream.cli.roles:api", "Run the HTTP API.", ROLES),
    "orchestrator": Verb("scrapestream.cli.roles:orchestrator", "Run the orchestrator.", ROLES),
    "worker": Verb(
        "scrapestream.cli.worker:app", "Run a scraper worker; list all, drain one.", ROLES
    ),
    "materializer": Verb("scrapestream.cli.roles:materializer", "Run the materializer.", ROLES),
    "webhooks": Verb("scrapestream.cli.roles:webhooks", "Run the webhook agent.", ROLES),
    "places": Verb(
        "scrapestream.cli.places:app",
        "Run the place agent; list places, their reviews and what changed.",
        ROLES,
    ),
}


def load(name: str) -> TyperCommand | TyperGroup:
    """The verb ``name``, with its options; imports its module."""
    module, _, attribute = VERBS[name].target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        one = typer.Typer(add_completion=False, rich_markup_mode=None)
        one.command(name)(found)
        found = one
    command = typer.main.get_command(found)
    assert isinstance(command, TyperCommand | TyperGroup)  # noqa: S101 - Typer builds no other
    return command


class VerbGroup(TyperGroup):
    """Lists verbs from the table, and imports the one that is run.

    So ``--help`` starts no browser driver and no database engine.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """What the overview needs of a verb."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        return TyperCommand(name=cmd_name, help=verb.summary)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The verbs by what they are for."""
        for panel in dict.fromkeys(verb.panel for verb in VERBS.values()):
            with formatter.section(panel):
                formatter.write_dl(
                    [(name, verb.summary) for name, verb in VERBS.items() if verb.panel == panel]
                )

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The verb itself; wrong names were refused by the base class."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, (None if name is None or listed is None else load(name)), rest

    def invoke(self, ctx: Any) -> Any:
        """Run; an error of ours becomes one message on stderr and its exit code."""
        try:
            return super().invoke(ctx)
        except ScrapestreamError as error:
            complain(str(error))
            raise typer.Exit(exit_code_of(error)) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scrapestream {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=VerbGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help comes in half the time
    pretty_exceptions_enable=False,  # they print local variables, and those may be secrets
    epilog="Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 cancelled, 4 waited too long, 5 partial, "
    "6 server unreachable, 7 not allowed, 8 not found, 9 pages have changed, "
    "130 detached by Ctrl-C.",
)


@app.callback()
def scrapestream(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Submit a URL, watch it being scraped, get every item, keep the whole history."""
