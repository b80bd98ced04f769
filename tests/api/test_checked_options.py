"""Options that equal those before them are not checked again; others always are."""

from __future__ import annotations

import pytest

from scrapestream.process.api import catalogue_of
from streams.catalogue import Kind
from streams.errors import InvalidRequestError
from streams.settings import Settings


@pytest.fixture
def kind() -> Kind:
    found = catalogue_of(Settings()).find_kind("https://www.google.com/maps/place/Cafe+Central")
    assert found is not None
    return found


def test_bad_options_are_refused_each_time_also_after_good_ones(kind: Kind) -> None:
    for good in ({}, {"max_reviews": "5"}):
        kind.check_options(good)
        for _ in range(2):
            with pytest.raises(InvalidRequestError):
                kind.check_options({"max_reviews": "none"})


def test_options_that_were_changed_after_they_passed_are_checked(kind: Kind) -> None:
    options = {"max_reviews": "5"}
    kind.check_options(options)
    options["max_reviews"] = "none"
    with pytest.raises(InvalidRequestError):
        kind.check_options(options)
