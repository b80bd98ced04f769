"""The page for people: only our own files, nothing inline, and programs still get JSON."""

from __future__ import annotations

import re

import pytest

from tests.api.world import World

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_gets_the_page_and_a_program_json(world: World) -> None:
    process = await world.start()
    page = await process.client.get("/", headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")
    assert (await process.client.get("/")).json()["name"] == "scrapestream"


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/style.css"])
async def test_the_policy_allows_our_own_files_alone(world: World, path: str) -> None:
    answer = await (await world.start()).client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(world: World) -> None:
    client = (await world.start()).client
    page = (await client.get("/", headers=BROWSER)).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=|javascript:", page)
    for address in re.findall(r"\b(?:src|href)=\"([^\"]+)\"", page):
        assert address.startswith(("/", "data:,")), address
    script = (await client.get("/page/app.js")).text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)
