"""Which steps a store still needs, and which stores a release keeps its hands off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from streams.errors import ChangedMigrationError, NewerStoreError
from streams.migrations import Applied, Migration, all_migrations, pending
from streams.projections.catalogue import all_projections


def applied(migrations: Sequence[Migration]) -> list[Applied]:
    return [Applied(number=m.number, name=m.name, checksum=m.checksum) for m in migrations]


def numbers(migrations: Sequence[Migration]) -> list[int]:
    return [migration.number for migration in migrations]


def test_numbers_begin_with_one_and_have_no_gaps() -> None:
    assert numbers(all_migrations()) == list(range(1, len(all_migrations()) + 1))


def test_an_empty_store_needs_all_in_their_order() -> None:
    assert numbers(pending(all_migrations(), [])) == numbers(all_migrations())


def test_a_store_that_has_all_needs_nothing() -> None:
    assert pending(all_migrations(), applied(all_migrations())) == []


def test_a_definition_that_changed_is_run_again() -> None:
    now = all_migrations()
    before = [*now]
    before[1] = replace(now[1], statements=[*now[1].statements, "SELECT 1"])
    assert numbers(pending(now, applied(before))) == [2]


def test_a_change_whose_text_changed_is_refused() -> None:
    now = all_migrations()
    assert not now[3].may_change
    before = [*now[:3], replace(now[3], statements=["SELECT 1"])]
    with pytest.raises(ChangedMigrationError, match="migration 4"):
        pending(now, applied(before))


def test_the_store_of_a_later_release_is_refused_with_both_numbers() -> None:
    later = [*applied(all_migrations()), Applied(number=77, name="far away", checksum="x")]
    with pytest.raises(NewerStoreError, match=r"77 \(far away\).* ends with 4"):
        pending(all_migrations(), later)


def test_white_space_is_no_change() -> None:
    one = all_migrations()[0]
    spaced = [statement.replace(" ", "\n  ") for statement in one.statements]
    assert replace(one, statements=spaced).checksum == one.checksum


def test_another_retention_is_run_again_whatever_the_tables_have() -> None:
    before = applied(all_migrations(retention_days=30))
    assert pending(all_migrations(retention_days=30, expiring=["items_v1"]), before) == []
    (step,) = pending(all_migrations(expiring=["items_v1"]), before)
    assert step.statements == ["ALTER TABLE items_v1 REMOVE TTL"]


def test_every_projection_has_its_table_made() -> None:
    text = "\n".join(all_migrations()[0].statements)
    for projection in all_projections():
        assert f"CREATE TABLE IF NOT EXISTS {projection.table} " in text
