"""Every setting is documented with its unit and its default, and nothing else is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from streams.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
NAMES = [PREFIX + setting.name.upper() for setting in fields(Settings)]


def documented() -> dict[str, tuple[str, str]]:
    """Default and unit by name, from the tables of ``docs/settings.md``."""
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    return {name: (default, unit) for name, default, unit, _meaning in rows}


def example() -> dict[str, str]:
    """Values by name, from ``.env.example`` with its lines uncommented."""
    lines = re.findall(rf"^#({PREFIX}\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(lines) == len(dict(lines))
    return dict(lines)


def test_every_setting_is_in_the_example_and_in_the_docs() -> None:
    assert sorted(example()) == sorted(NAMES)
    assert sorted(documented()) == sorted(NAMES)


def test_the_example_holds_the_defaults() -> None:
    assert Settings.from_env(example()) == Settings()


def test_the_docs_hold_the_defaults() -> None:
    told = {name: default.strip("`") for name, (default, _unit) in documented().items()}
    values = {name: "" if default == "(none)" else default for name, default in told.items()}

    assert Settings.from_env(values) == Settings()


def test_a_setting_whose_name_tells_a_unit_has_this_unit() -> None:
    units = {"_S": "seconds", "_MS": "milliseconds", "_BYTES": "bytes", "_DAYS": "days"}

    for name, (_default, unit) in documented().items():
        ending = "_" + name.rpartition("_")[2]
        assert unit == units.get(ending, unit), name


def test_the_example_is_a_file_that_a_shell_reads() -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        assert not line or line.startswith("#"), "an example changes nothing until it is edited"
