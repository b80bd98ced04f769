"""``batch submit``: what a file becomes, and what people are told."""

from __future__ import annotations

import json

import pytest

from scrapestream.cli.batch import body_of, counts_text
from scrapestream.cli.exits import CliError


def test_lines_are_requests_or_urls() -> None:
    content, media_type = body_of('# tonight\n\nhttps://x/"1"\n{"url": "https://y/"}\n')
    assert media_type == "application/x-ndjson"
    requests = [json.loads(line) for line in content.splitlines()]
    assert requests == [{"url": 'https://x/"1"'}, {"url": "https://y/"}]


def test_an_array_goes_as_it_is() -> None:
    text = ' [{"url": "https://x/"}]'
    assert body_of(text) == (text.encode(), "application/json")


def test_a_file_without_a_request_is_wrong_usage() -> None:
    with pytest.raises(CliError, match="no request"):
        body_of("# nothing\n\n")


def test_people_see_how_far_a_batch_is() -> None:
    counts = {"queued": 1200, "processing": 2, "completed": 0}
    fields = {"progress": 7, "counts": counts, "estimated_time": "90s"}
    assert counts_text(fields) == "  7 %  1,200 queued  2 processing  about 90s left"
