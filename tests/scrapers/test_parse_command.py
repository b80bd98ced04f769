"""``scrapestream parse``: a saved page in, JSON out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from embedded.demo.cards import render
from embedded.demo.generator import PlaceKey, demo_review
from embedded.demo.pages import place_page
from scrapestream.cli.parse import parse


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(parse)
    return app


def test_a_saved_page_is_printed_as_json(command: typer.Typer, tmp_path: Path) -> None:
    key = PlaceKey(reviews=1)
    card = render(demo_review(key, 0), "")["html"]
    shell = place_page(key, has_menu=True, view="", first_cards=[], list_url="")
    saved = tmp_path / "page.html"
    saved.write_text(shell.replace('<div id="panel">', f'<div id="panel">{card}'))
    answer = CliRunner().invoke(command, ["google_reviews", str(saved), "--url", "https://x/y"])
    assert answer.exit_code == 0
    printed = json.loads(answer.stdout)
    assert printed["outcome"] == "completed"
    assert printed["place"]["title"] == "Cafe Central"
    assert printed["place"]["url"] == "https://x/y"
    (item,) = printed["items"]
    assert item["published_at"].endswith("+00:00")


def test_an_unknown_kind_is_wrong_usage(command: typer.Typer, tmp_path: Path) -> None:
    saved = tmp_path / "page.html"
    saved.write_text("")
    assert CliRunner().invoke(command, ["no_such", str(saved)]).exit_code == 2
    assert CliRunner().invoke(command, ["google_reviews", "no-file.html"]).exit_code == 2
