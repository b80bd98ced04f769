"""The ``scrapestream`` command: wiring, supervisor and verbs."""

__version__ = "0.1.0"
