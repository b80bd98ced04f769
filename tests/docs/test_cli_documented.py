"""The page of the command line names every verb; its exit codes are tested with the command."""

from __future__ import annotations

import re
from pathlib import Path

from scrapestream.cli.app import VERBS
from scrapestream.cli.exits import WORST_FIRST, ExitCode

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()


def test_every_verb_is_documented() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == list(VERBS)


def test_the_order_of_the_exit_codes_is_documented() -> None:
    told = re.search(r"in this order: ([\d, ]+)\.", PAGE)

    assert told is not None
    assert [int(code) for code in told[1].split(", ")] == [code.value for code in WORST_FIRST]
    assert set(WORST_FIRST) == set(ExitCode)
