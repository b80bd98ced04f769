"""Entry of the ``scrapestream`` command and of ``python -m scrapestream``."""

from __future__ import annotations

import sys

from scrapestream.cli.app import app


def main() -> None:
    """Run the command line; ends the process with a documented exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a log that cannot show a character gets an escape, never a traceback.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    app(prog_name="scrapestream")


if __name__ == "__main__":
    main()
