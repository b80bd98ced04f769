"""What a projection is: a table, and the rows that records become in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]

DEDUPLICATION_WINDOW = 10_000  # inserts whose tokens are remembered: hours of retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """One table of the read side. To change it, raise ``version``: a new table fills beside.

    A column whose default is right for every row so far may be added at the end as it is.
    """

    name: str
    version: int
    columns: Sequence[tuple[str, str]]
    """(name, ClickHouse type), in the order of a row."""
    order_by: str
    newest_by: str
    """Column whose highest value wins among rows of the same ``order_by``."""
    row: Callable[[Any], Row]
    """The row of one record or state. Pure: the same input gives the same row."""
    doc: str
    shown: str = ""
    """A condition that the view's rows fulfil; empty: all are shown."""
    settings: str = ""
    """More settings of the table."""
    takes: Callable[[Any], bool] = lambda _state: True
    """Which of its topic's records become rows."""

    @property
    def table(self) -> str:
        """The table's name."""
        return f"{self.name}_v{self.version}"

    def ddl(self) -> Sequence[str]:
        """Statements that create the table and its view; safe to repeat."""
        added = ", ".join(
            f"ADD COLUMN IF NOT EXISTS `{name}` {type_}" for name, type_ in self.columns
        )
        alter = f"ALTER TABLE {self.table} {added}"
        where = f" WHERE {self.shown}" if self.shown else ""
        view = f"CREATE OR REPLACE VIEW {self.name} AS SELECT * FROM {self.table} FINAL{where}"  # noqa: S608 - our own names
        return (self.create(self.table), alter, view)

    def create(self, table: str) -> str:
        """The statement that creates its table under the name ``table``, if it is not there."""
        columns = ", ".join(f"`{name}` {type_}" for name, type_ in self.columns)
        more = f", {self.settings}" if self.settings else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {table} ({columns}) "
            f"ENGINE = ReplacingMergeTree({self.newest_by}) ORDER BY {self.order_by} "
            f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}{more}"
        )
