"""Where the API is: what was said, else the stack on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from scrapestream.cli.exits import CliError, ExitCode

DEFAULT_API = "http://127.0.0.1:8080"
PUBLIC_URL = "SCRAPESTREAM_PUBLIC_URL"

ApiOption = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="URL",
        help=f"Address of the API. Else {PUBLIC_URL}, else the stack on this machine.",
        show_default=False,
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Use the stack of this data directory.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]


def default_data_dir() -> Path:
    """Where ``scrapestream up`` keeps its data unless told otherwise."""
    root = os.environ.get("XDG_DATA_HOME")
    return (Path(root) if root else Path.home() / ".local" / "share") / "scrapestream"


def find_api(api: str | None, data_dir: Path | None) -> str:
    """The API's address, without a slash at its end.

    Raises:
        CliError: the address is none, or nothing runs in ``data_dir``.
    """
    if api is None and data_dir is not None:
        api = _address_in(data_dir)
        if api is None:
            raise CliError(
                f"no stack runs in {data_dir}; start one: scrapestream up --data-dir {data_dir}",
                ExitCode.UNREACHABLE,
            )
    api = api or os.environ.get(PUBLIC_URL) or _address_in(default_data_dir()) or DEFAULT_API
    if not api.startswith(("http://", "https://")):
        raise CliError(f"{api!r} is no http:// or https:// address", ExitCode.USAGE)
    return api.rstrip("/")


def _address_in(data_dir: Path) -> str | None:
    try:
        addresses: Any = json.loads((data_dir / "addresses.json").read_text())
        return str(addresses["api"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
