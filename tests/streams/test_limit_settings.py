"""Limits come from settings, and a wrong one says which."""

from __future__ import annotations

import pytest

from scrapestream.process.worker import scrapers_of
from scrapestream.wiring import limits_of
from streams.errors import InvalidSettingError
from streams.settings import Settings


def test_limits_are_read_from_the_environment() -> None:
    limits = limits_of(
        Settings.from_env(
            {
                "SCRAPESTREAM_LIMIT_PER_TENANT": "5, acme=20",
                "SCRAPESTREAM_LIMIT_PER_SITE": "www.google.com=3",
                "SCRAPESTREAM_TENANT_WEIGHTS": "acme=2.5",
            }
        )
    )
    assert (limits.per_tenant.find("acme"), limits.per_tenant.find("x")) == (20, 5)
    assert (limits.per_site.find("www.google.com"), limits.per_site.find("x")) == (3, 0)
    assert not limits.per_kind.is_set
    assert (limits.weight("acme"), limits.weight("x")) == (2.5, 1.0)


def test_a_limit_that_is_no_number_names_its_setting() -> None:
    settings = Settings.from_env({"SCRAPESTREAM_LIMIT_PER_KIND": "noop=many"})
    with pytest.raises(InvalidSettingError, match=r"SCRAPESTREAM_LIMIT_PER_KIND.*'noop=many'"):
        limits_of(settings)


def test_a_worker_takes_only_kinds_that_there_are() -> None:
    assert set(scrapers_of(Settings(worker_kinds=("noop",)))) == {"noop"}
    assert {"noop", "google_reviews"} <= set(scrapers_of(Settings()))
    with pytest.raises(InvalidSettingError, match="'nope'"):
        scrapers_of(Settings(worker_kinds=("nope",)))
