"""What can go wrong between a record and its bytes."""

from __future__ import annotations


class UnreadableValueError(Exception):
    """These bytes can never be read with the schema that they name; reject them."""


class UnknownSchemaError(Exception):
    """The registry does not have the schema: ``scrapestream topics`` registers ours."""


class RegistryError(Exception):
    """The registry did not answer as it should; the same call may work later."""
