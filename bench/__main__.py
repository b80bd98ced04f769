"""``python -m bench [NAME ...]``: run measurements on a stack of their own and print them."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bench import batch, materialize, scrape, start, submit

MEASUREMENTS: Mapping[str, Callable[[Path], Awaitable[None]]] = {
    "start": start.measure,
    "scrape": scrape.measure,
    "submit": submit.measure,
    "batch": batch.measure,
    "materialize": materialize.measure,
}


def main() -> None:
    """Run what was asked for, each on a fresh stack, one after the other."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], metavar="NAME")
    names = parser.parse_args().names or list(MEASUREMENTS)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="scrapestream-bench-") as directory:
            print(f"\n{name}", flush=True)
            asyncio.run(MEASUREMENTS[name](Path(directory)))


if __name__ == "__main__":
    main()
