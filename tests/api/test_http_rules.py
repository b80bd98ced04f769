"""What holds for every path: problems, methods, headers, limits."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.links import Links
from api.problems import KINDS, UncertainWriteError
from streams.errors import (
    InvalidRequestError,
    LogUnavailableError,
    RegistryUnavailableError,
    StoreUnavailableError,
    UnavailableError,
    UnknownJobError,
    UnknownScraperError,
)
from streams.settings import Settings
from tests.api.job_events import PLACE
from tests.api.world import World

DOCS = Path(__file__).parents[2] / "docs/reference/http-api.md"
JOB = "/jobs/" + "0" * 32


def is_problem(answer: httpx2.Response) -> dict[str, Any]:
    """Every error has this one shape."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    kind = KINDS[problem["code"]]
    assert (problem["status"], problem["title"]) == (answer.status_code, kind.title)
    assert problem["type"] == f"http://127.0.0.1:8080/problems/{kind.code}"
    assert problem["instance"] == answer.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/scrape", {"POST"}),
        ("PUT", "/scrape", {"POST"}),
        ("POST", "/jobs", {"GET", "HEAD"}),
        ("PATCH", JOB, {"GET", "HEAD", "DELETE"}),
        ("DELETE", f"{JOB}/reviews", {"GET", "HEAD"}),
        ("POST", f"{JOB}/stream", {"GET", "HEAD"}),
        ("OPTIONS", "/health", {"GET", "HEAD"}),
        ("BREW", "/", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_405_with_all_that_are_allowed(
    world: World, method: str, path: str, allow: set[str]
) -> None:
    process = await world.start()
    answer = await process.client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allow
    assert is_problem(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/", "/scrape/", f"{JOB}/", "/problems/x"])
async def test_an_unknown_path_is_404_and_no_redirect(world: World, path: str) -> None:
    process = await world.start()
    answer = await process.client.get(path)
    assert answer.status_code == 404
    assert is_problem(answer)["code"] == "not_found"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_413(world: World, announced: bool) -> None:
    process = await world.start(max_body_bytes=1_000)
    body = b'{"url": "' + b"x" * 1_000 + b'"}'

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    answer = await process.client.post(
        "/scrape",
        content=body if announced else in_chunks(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    problem = is_problem(answer)
    assert problem["code"] == "body_too_large"
    assert "1000 bytes" in problem["detail"]


async def test_a_bug_is_a_500_without_its_text(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    process = await world.start()

    def broken(job_id: str) -> None:
        raise RuntimeError(f"inner secret of {job_id}")

    monkeypatch.setattr(process.live, "find", broken)
    answer = await process.client.get(JOB)
    assert answer.status_code == 500
    assert is_problem(answer)["code"] == "internal"
    assert "inner secret" not in answer.text
    assert "request failed" in caplog.text


async def test_every_answer_has_the_security_headers_and_a_request_id(world: World) -> None:
    process = await world.start()
    for path in ("/", "/jobs", "/nowhere", "/metrics", JOB):
        headers = (await process.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
        assert "server" not in headers


async def test_a_request_id_is_kept_when_it_can_stand_in_a_log(world: World) -> None:
    process = await world.start()
    for given, kept in (("order-17:a", True), ("x" * 129, False), ("a b", False), ('"', False)):
        answer = await process.client.get("/", headers={"X-Request-ID": given})
        assert (answer.headers["x-request-id"] == given) is kept


async def test_the_first_page_says_what_this_is(world: World) -> None:
    process = await world.start()
    about = (await process.client.get("/")).json()
    assert about["name"] == "scrapestream"
    assert about["paths"]["submit"] == "POST /scrape"
    assert "google_reviews" in about["accepted"]


async def test_a_problem_type_leads_to_its_explanation(world: World) -> None:
    process = await world.start()
    refused = await process.client.post("/scrape", json={"url": "https://example.com"})
    explained = (await process.client.get(refused.json()["type"])).json()
    assert explained["code"] == "input.url_unsupported"
    assert explained["advice"]


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError(""),
        UnknownScraperError(PLACE, ""),
        UnknownJobError(""),
        UnavailableError(""),
        LogUnavailableError(""),
        StoreUnavailableError(""),
        RegistryUnavailableError(""),
        UncertainWriteError(""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_that_crosses_has_a_kind(error: Any) -> None:
    assert KINDS[error.code].status in {404, 422, 503}


def test_every_code_and_path_is_documented() -> None:
    text = DOCS.read_text("utf-8")
    for kind in KINDS.values():
        assert f"| `{kind.code}` | {kind.status} |" in text
    for path in (
        "/scrape",
        "/jobs",
        "/jobs/{id}/reviews",
        "/jobs/{id}/stream",
        "/jobs/{id}/events",
        "/jobs/{id}/diff",
        "/asyncapi.json",
        "/health/ready",
        "/health/detailed",
        "/metrics",
    ):
        assert f"{path}`" in text


@pytest.mark.parametrize(
    ("host", "port", "public", "base"),
    [
        ("127.0.0.1", 8080, "", "http://127.0.0.1:8080"),
        ("0.0.0.0", 80, "", "http://127.0.0.1:80"),
        ("::", 80, "", "http://[::1]:80"),
        ("::1", 80, "", "http://[::1]:80"),
        ("0.0.0.0", 80, "https://x.example/", "https://x.example"),
    ],
)
def test_links_begin_with_an_address_that_clients_can_open(
    host: str, port: int, public: str, base: str
) -> None:
    settings = Settings(api_host=host, api_port=port, public_url=public)
    assert Links(settings).base == base
