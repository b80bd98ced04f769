"""The gate for schema changes: FULL_TRANSITIVE against every released version.

``python -m schemas.compatibility`` releases what has changed: it checks each schema against all
its versions under ``schemas/history`` and adds the new one there. Needs the ``dev`` extra.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas.catalog import Schema, all_schemas

HISTORY = Path(__file__).parent / "history"


def incompatibilities(new: str, released: Sequence[str]) -> list[str]:
    """Why ``new`` cannot follow ``released`` (schemas as JSON, oldest first); empty: it can.

    In both directions: new programs read old records, old programs read new ones.
    """
    reasons = []
    for number, old in enumerate(released, 1):
        for reader, writer, what in (
            (new, old, f"records of version {number} cannot be read any more"),
            (old, new, f"programs of version {number} cannot read its records"),
        ):
            result = ReaderWriterCompatibilityChecker().get_compatibility(
                avro.schema.parse(reader), avro.schema.parse(writer)
            )
            if result.compatibility is not SchemaCompatibilityType.compatible:
                reasons.append(f"{what}: {'; '.join(sorted(result.messages))}")
    return reasons


def released_versions(schema: Schema) -> list[str]:
    """Every released version of a schema, oldest first, as JSON."""
    paths = (HISTORY / schema.folder / schema.name).glob("*.avsc")
    return [
        json.dumps(json.loads(path.read_text("utf-8")), separators=(",", ":"))
        for path in sorted(paths, key=lambda path: int(path.stem))
    ]


def release(schema: Schema) -> int | None:
    """Add the schema's present text to its versions; its number, or None when nothing changed.

    Raises:
        ValueError: it is not FULL_TRANSITIVE; says why.
    """
    released = released_versions(schema)
    if released and released[-1] == schema.text:
        return None
    if reasons := incompatibilities(schema.text, released):
        raise ValueError(f"{schema.name}: {'; '.join(reasons)}")
    number = len(released) + 1
    path = HISTORY / schema.folder / schema.name / f"{number}.avsc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads(schema.text), indent=2) + "\n", "utf-8")
    return number


def main() -> None:
    """Release every schema that has changed."""
    for schema in all_schemas().values():
        number = release(schema)
        if number is not None:
            sys.stdout.write(f"{schema.full_name}: version {number}\n")


if __name__ == "__main__":
    main()
