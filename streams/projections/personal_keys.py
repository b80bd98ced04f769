"""The keys of encrypted reviews, one a job and author: the log cannot bring them back."""

from __future__ import annotations

from streams.projections.projection import Projection, Row


def row(key: Row) -> Row:
    """A key's row as it is."""
    return key


projection = Projection(
    name="personal_keys",
    version=1,
    columns=(
        ("key_id", "String"),
        ("job_id", "String"),
        ("wrapped", "String"),
        ("created_at", "DateTime64(6, 'UTC')"),
        # The fingerprint; empty in a key of reviews without an author, and of earlier releases.
        ("author", "String"),
    ),
    order_by="key_id",
    newest_by="created_at",
    row=row,
    doc="The keys of encrypted reviews, themselves encrypted. What is deleted here is gone.",
    # A deleted key leaves the disk within seconds: usually it takes ClickHouse minutes.
    settings="old_parts_lifetime = 1, cleanup_delay_period = 1, "
    "cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 5",
)
