"""Where the API is: what was said, else the stack on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from scrapestream.cli.exits import CliError, ExitCode
from streams.settings import Settings

DEFAULT_API = "http://127.0.0.1:8080"
PUBLIC_URL = "SCRAPESTREAM_PUBLIC_URL"
PART_URLS = {"kafka": "kafka_url", "registry": "registry_url", "clickhouse": "clickhouse_url"}
"""Settings by the names that ``addresses.json`` has for them."""

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
            raise _no_stack_in(data_dir)
    api = api or os.environ.get(PUBLIC_URL) or _address_in(default_data_dir()) or DEFAULT_API
    if not api.startswith(("http://", "https://")):
        raise CliError(f"{api!r} is no http:// or https:// address", ExitCode.USAGE)
    return api.rstrip("/")


def find_settings(data_dir: Path | None) -> Settings:
    """Settings for a verb that talks to Kafka or ClickHouse itself.

    Addresses are those of the stack in ``data_dir``, else of the environment, else of the stack
    in the default directory.

    Raises:
        CliError: nothing runs in ``data_dir``.
        InvalidSettingError: the environment has an unusable variable.
    """
    settings = Settings.from_env()
    is_set = any(f"SCRAPESTREAM_{name.upper()}" in os.environ for name in PART_URLS.values())
    if data_dir is None and is_set:
        return settings
    addresses = _addresses_in(data_dir or default_data_dir())
    if data_dir is not None and not addresses:
        raise _no_stack_in(data_dir)
    found = {field: addresses[name] for name, field in PART_URLS.items() if addresses.get(name)}
    if not settings.personal_key:
        found["personal_key"] = _personal_key_in(data_dir or default_data_dir())
    return replace(settings, **found)


def _personal_key_in(data_dir: Path) -> str:
    """The key that ``scrapestream up`` has made there for encrypted reviews; empty: none."""
    from scrapestream.data_directory import PERSONAL_KEY  # noqa: PLC0415 - loads long

    try:
        return (data_dir / PERSONAL_KEY).read_text().strip()
    except OSError:
        return ""


def _no_stack_in(data_dir: Path) -> CliError:
    return CliError(
        f"no stack runs in {data_dir}; start one: scrapestream up --data-dir {data_dir}",
        ExitCode.UNREACHABLE,
    )


def _address_in(data_dir: Path) -> str | None:
    address = _addresses_in(data_dir).get("api")
    return None if address is None else str(address)


def _addresses_in(data_dir: Path) -> dict[str, Any]:
    """What ``scrapestream up`` says of its parts; nothing when it says nothing."""
    try:
        addresses = json.loads((data_dir / "addresses.json").read_text())
    except (OSError, ValueError):
        return {}
    return addresses if isinstance(addresses, dict) else {}
