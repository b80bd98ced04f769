"""The embedded registry gives a schema the same id for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2

from embedded.jars import fetch_jars
from embedded.part import Part
from embedded.registry import registry_part
from scrapestream.data_directory import DataDirectory
from tests.embedded.processes import kill, start, stop


def make_part(path: Path) -> Part:
    directory = DataDirectory(path)
    directory.make()
    management = directory.port("registry-management")
    port = directory.port("registry")
    return registry_part(path, port=port, management_port=management, jars=fetch_jars())


def schema(name: str) -> dict[str, Any]:
    record = {"type": "record", "name": name, "fields": [{"name": "id", "type": "string"}]}
    return {"schema": json.dumps(record)}


async def test_ids_are_the_same_after_a_kill_right_behind_the_answer(tmp_path: Path) -> None:
    part = make_part(tmp_path)
    assert part.address.endswith("/apis/ccompat/v7")
    registry = await start(part)
    try:
        async with httpx2.AsyncClient(base_url=f"{part.address}/", timeout=20) as client:
            ids = {}
            for name in ("First", "Second", "Last"):
                answer = await client.post(f"subjects/it-{name}-value/versions", json=schema(name))
                ids[name] = answer.raise_for_status().json()["id"]
            await kill(registry)  # at once: an id that was told is stored
        registry = await start(make_part(tmp_path))
        async with httpx2.AsyncClient(base_url=f"{part.address}/", timeout=20) as client:
            for name, id_ in ids.items():
                stored = (await client.get(f"schemas/ids/{id_}")).raise_for_status().json()
                assert json.loads(stored["schema"])["name"] == name
                again = await client.post(f"subjects/it-{name}-value/versions", json=schema(name))
                assert again.json()["id"] == id_
            new = await client.post("subjects/it-New-value/versions", json=schema("New"))
            assert new.json()["id"] not in ids.values()
        await stop(registry)
    finally:
        await kill(registry)
