"""No schema changes in a way that old or new readers could not follow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.catalog import Schema, all_schemas
from schemas.compatibility import incompatibilities, released_versions

BASE: dict[str, Any] = {
    "type": "record",
    "name": "Thing",
    "namespace": "test",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "count", "type": "int"},
        {"name": "note", "type": "string", "default": ""},
    ],
}


def changed(**fields: dict[str, Any] | None) -> str:
    """``BASE`` with fields replaced, added or (None) removed."""
    kept = [field for field in BASE["fields"] if field["name"] not in fields]
    new = [{"name": name, **field} for name, field in fields.items() if field is not None]
    return json.dumps({**BASE, "fields": kept + new})


@pytest.mark.parametrize(
    "change",
    [
        {"added": {"type": "string"}},
        {"id": None},
        {"count": {"type": "string"}},
        {"count": {"type": "long"}},  # old programs cannot read a long as an int
        {"id": {"type": ["null", "string"], "default": None}},
        {"id": None, "identifier": {"type": "string"}},
    ],
    ids=["no default", "removed", "other type", "wider type", "may be null", "renamed"],
)
def test_a_change_that_breaks_readers_is_refused(change: dict[str, Any]) -> None:
    assert incompatibilities(changed(**change), [json.dumps(BASE)])


@pytest.mark.parametrize(
    "change",
    [
        {"added": {"type": "string", "default": ""}},
        {"added": {"type": ["null", "long"], "default": None}},
        {"note": None},
    ],
    ids=["with default", "may be null", "had a default"],
)
def test_a_change_with_defaults_is_allowed(change: dict[str, Any]) -> None:
    assert not incompatibilities(changed(**change), [json.dumps(BASE)])


def test_every_version_counts_not_only_the_newest() -> None:
    without_note = changed(note=None)
    note_is_a_number = changed(note={"type": "int", "default": 0})
    assert not incompatibilities(note_is_a_number, [without_note])
    assert incompatibilities(note_is_a_number, [json.dumps(BASE), without_note])


@pytest.mark.parametrize("schema", all_schemas().values(), ids=lambda schema: schema.name)
def test_each_schema_is_released_and_follows_its_versions(schema: Schema) -> None:
    released = released_versions(schema)
    assert released, "run `python -m schemas.compatibility`"
    assert not incompatibilities(schema.text, released)
    assert released[-1] == schema.text, "run `python -m schemas.compatibility` to release it"
