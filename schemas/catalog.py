"""Our schemas: one ``.avsc`` file a record, found by the record's short name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastavro import parse_schema

FOLDERS = ("job", "items", "tasks", "webhook", "erasure", "replay", "place", "monitor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One record's schema."""

    name: str
    """Short name, such as ``ScrapeRequested``."""
    full_name: str
    """With its namespace, such as ``scrapestream.job.ScrapeRequested``."""
    folder: str
    text: str
    """JSON as the registry gets it: without white space, in the file's order."""
    parsed: Any
    """For fastavro."""


@cache
def all_schemas() -> Mapping[str, Schema]:
    """Every schema of the package by its short name."""
    root = Path(__file__).parent
    found = (
        _schema_in(path, folder)
        for folder in FOLDERS
        for path in sorted(root.glob(f"{folder}/*"))
        if path.suffix == ".avsc"
    )
    return {schema.name: schema for schema in found}


def schemas_in(folder: str) -> tuple[Schema, ...]:
    """The schemas of one folder."""
    return tuple(schema for schema in all_schemas().values() if schema.folder == folder)


def item_schema(file_name: str) -> Schema:
    """The schema of an item by its file's name, such as ``google_review``."""
    name = "".join(part.capitalize() for part in file_name.split("_"))
    return all_schemas()[name]


def subject(topic: str, schema: Schema) -> str:
    """The registry's subject: TopicRecordNameStrategy, so that each record evolves by itself.

    One union for a topic could never grow: an old reader cannot read a new branch, which
    FULL_TRANSITIVE rightly refuses. See docs/decisions/0002-record-name-subjects.md.
    """
    return f"{topic}-{schema.full_name}"


def _schema_in(path: Path, folder: str) -> Schema:
    raw = json.loads(path.read_text("utf-8"))
    return Schema(
        name=raw["name"],
        full_name=f"{raw['namespace']}.{raw['name']}",
        folder=folder,
        text=json.dumps(raw, separators=(",", ":")),
        parsed=parse_schema(raw),
    )
