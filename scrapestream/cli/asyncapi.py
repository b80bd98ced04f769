"""``asyncapi``: the document that tells consumers what is in Kafka."""

from __future__ import annotations

import json
import sys
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer
import yaml

from scrapestream import __version__
from scrapestream.cli.address import DataDirOption, find_settings
from streams.asyncapi import document


def asyncapi(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML.")] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Print the topics and messages as an AsyncAPI document."""
    settings = find_settings(data_dir)
    made = document(
        version=__version__,
        brokers=settings.brokers()[0],
        registry_url=without_user(settings.registry_url),
        replicas=settings.replication_factor,
        retention_days=settings.event_retention_days,
    )
    if as_json:
        text = json.dumps(made, indent=2) + "\n"
    else:
        text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=100)
    sys.stdout.write(text)


def without_user(url: str) -> str:
    """``url`` without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
