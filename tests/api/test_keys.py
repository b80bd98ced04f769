"""``GET /keys``: who may read encrypted reviews of the topics."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

import pytest

from streams.sealed_fields import DataKey
from tests.api.world import World

KEY = DataKey(key_id="k1", secret=b"x" * 32)
TOKEN = "a-token-of-the-readers"


@dataclass(frozen=True, slots=True)
class OneKey:
    """The keys of a store that has one; the real ones are in tests/streams/test_encrypting.py."""

    async def fetch(self, key_id: str) -> DataKey | None:
        return KEY if key_id == KEY.key_id else None


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", {}),
        ("", {"Authorization": "Bearer "}),
        (TOKEN, {}),
        (TOKEN, {"Authorization": TOKEN}),
        (TOKEN, {"Authorization": f"Basic {TOKEN}"}),
        (TOKEN, {"Authorization": f"Bearer {TOKEN}x"}),
    ],
)
async def test_without_the_token_nobody_gets_a_key(
    world: World, token: str, shown: dict[str, str]
) -> None:
    process = await world.start(
        keys_token=token, change=lambda parts: replace(parts, keys=OneKey())
    )
    answer = await process.client.get("/keys/k1", headers=shown)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "key" not in answer.json()


async def test_with_the_token_a_key_is_given_until_its_job_is_forgotten(world: World) -> None:
    process = await world.start(
        keys_token=TOKEN, change=lambda parts: replace(parts, keys=OneKey())
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = await process.client.get("/keys/k1", headers=headers)
    secret = base64.b64encode(KEY.secret).decode()
    assert answer.json() == {"key_id": "k1", "algorithm": "A256GCM", "key": secret}
    gone = await process.client.get("/keys/k2", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_key")
