"""The audit finds what is lost, doubled or wrong in the stored history of places."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.kafka_reader import open_reader
from streams.audit import Audit
from streams.domain.ids import new_job_id
from streams.findings import Findings
from streams.place_audit import COLUMNS, differing
from streams.projections import place_events
from streams.settings import Settings
from tests.streams.test_erasing_places import history, rows_of
from tests.streams.test_materializer import materializing
from tests.streams.test_replay import replayed

TABLE = place_events.projection.table


async def audited(settings: Settings) -> Findings:
    """What an audit finds of everything in the log."""
    async with (
        open_log(settings, "audit") as log,
        open_reader(settings, "audit") as reader,
        open_clickhouse(settings) as clickhouse,
    ):
        return await Audit(reader, log.records, clickhouse).run()


def of_places(findings: Findings) -> set[tuple[str, str]]:
    """Rule and subject of what is wrong with places."""
    return {
        (each.rule, each.subject)
        for each in findings.violations
        if each.rule.startswith("place_event")
    }


@pytest.mark.timeout(120)
async def test_damage_to_the_history_of_places_is_found_and_mended(parts: Settings) -> None:
    lost, doubled, changed = places = [new_job_id() for _ in range(3)]
    async with materializing(parts), open_clickhouse(parts) as clickhouse:
        async with open_log(parts, "places") as log:
            written = history(changed, "repeated")
            for events in (history(lost, "a"), history(doubled, "b"), written, written):
                await log.event_log.append_place_events(events)
        async with asyncio.timeout(20):
            for place_id in places:
                while await rows_of(clickhouse, "place_events", place_id) < 4:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        whole = await audited(parts)
        assert of_places(whole) == set()
        assert whole.place_events >= 12

        await clickhouse.run(
            f"ALTER TABLE {TABLE} DELETE WHERE place_id = '{lost}' AND type = 'PlaceScraped'"
        )
        await clickhouse.run(
            f"ALTER TABLE {TABLE} UPDATE payload = replace(payload, 'Before', 'Behind') "
            f"WHERE place_id = '{changed}' AND type = 'ReviewEdited'"
        )
        rows = await clickhouse.rows(
            f"SELECT place_id, any(partition) FROM {TABLE} "
            "WHERE place_id IN {places:Array(String)} GROUP BY place_id",
            {"places": places},
        )
        partition_of = {place_id: f"place-events/{number}" for place_id, number in rows}
        await clickhouse.run(f"SYSTEM STOP MERGES {TABLE}")  # they would mend what is doubled
        try:
            await clickhouse.run(
                f"INSERT INTO {TABLE} SELECT * FROM {TABLE} "
                f"WHERE place_id = '{doubled}' AND type = 'PlaceScraped'"
            )
            found = await audited(parts)
        finally:
            await clickhouse.run(f"SYSTEM START MERGES {TABLE}")
        assert of_places(found) == {
            ("place_event_lost", partition_of[lost]),
            ("place_event_doubled", partition_of[doubled]),
            ("place_event_differs", changed),
        }
        assert found.place_events == whole.place_events

        mended = await replayed(parts, place_events.projection, move=True)
        assert mended.moved
        assert {drift.job_id for drift in mended.drift} >= {lost, changed}


def test_a_row_of_an_older_version_that_lacks_a_field_with_a_default_is_right() -> None:
    recorded = replace(history(new_job_id(), "a")[0], partition=1, offset=7)
    row = dict(zip(COLUMNS, place_events.row(recorded), strict=True))
    assert differing(recorded, list(row.values())) == []

    payload = msgspec.json.decode(row["payload"])
    del payload["reviews_total"]  # nobody knew: that is its default
    older = {**row, "payload": msgspec.json.encode(payload).decode()}
    assert older["payload"] != row["payload"]
    assert differing(recorded, list(older.values())) == []

    payload["title"] = "Another place"
    wrong = {**row, "job_id": "j", "payload": msgspec.json.encode(payload).decode()}
    assert differing(recorded, list(wrong.values())) == ["job_id", "payload"]
    assert differing(recorded, list({**row, "payload": "{"}.values())) == ["payload"]
