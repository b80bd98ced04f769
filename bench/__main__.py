"""``python -m bench [NAME ...]``: run measurements on a stack of their own and print them.

``python -m bench accuracy DIRECTORY`` reads saved pages instead, and needs no stack.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench import (
    accuracy,
    batch,
    chaos,
    export,
    kills,
    long_list,
    materialize,
    replay,
    scrape,
    soak,
    start,
    submit,
)

MEASUREMENTS: Mapping[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "start": start.measure,
    "scrape": scrape.measure,
    "long_list": long_list.measure,
    "soak": soak.measure,
    "chaos": chaos.measure,
    "submit": submit.measure,
    "batch": batch.measure,
    "materialize": materialize.measure,
    "kills": kills.measure,
    "export": export.measure,
    "replay": replay.measure,
}
ACCURACY = "accuracy"


def main() -> None:
    """Run what was asked for, each on a fresh stack, one after the other."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], metavar="NAME")
    if sys.argv[1:2] == [ACCURACY]:
        pages = argparse.ArgumentParser(prog=f"bench {ACCURACY}", description=accuracy.__doc__)
        pages.add_argument("directory", type=Path)
        accuracy.measure(pages.parse_args(sys.argv[2:]).directory)
        return
    names = parser.parse_args().names or list(MEASUREMENTS)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="scrapestream-bench-") as directory:
            print(f"\n{name}", flush=True)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the roles
                runner.run(MEASUREMENTS[name](Path(directory)))


if __name__ == "__main__":
    main()
