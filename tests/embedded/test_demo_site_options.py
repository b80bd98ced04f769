"""What a demo place shows and does when its URL asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest

from embedded.demo.cards import render
from embedded.demo.generator import PlaceKey, demo_review, generate
from embedded.demo.labels import LANGUAGE_CODES, labels_in
from embedded.demo.look import CLASSES, Look, new_class_names
from embedded.demo_site import DemoSettings, open_demo_site

NOW = datetime(2026, 11, 23, 14, 37, tzinfo=UTC)
PLACE = "/maps/place/Cafe+Central"
UNITS = ("minute", "hour", "day", "week", "month", "year")


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with open_demo_site(DemoSettings(reviews=23, latency_ms=0)) as address:
        yield address


def text_of(url: str) -> str:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own site
        return str(answer.read().decode())


def json_of(url: str) -> Any:
    return json.loads(text_of(url))


def failure(url: str) -> HTTPError:
    with pytest.raises(HTTPError) as refused:
        text_of(url)
    return refused.value


def test_the_site_speaks_the_languages_that_the_scraper_must_read() -> None:
    asked_for = "en es fr de pt it nl pl tr ru ja zh ko ar hi"
    assert set(LANGUAGE_CODES) == set(asked_for.split())
    for code in LANGUAGE_CODES:
        labels = labels_in(code)
        assert len(labels.orders) == 4
        assert set(labels.ago) == set(UNITS)
        dates = {labels.date(n, unit) for unit in UNITS for n in range(1, 12)}
        assert len(dates) == len(UNITS) * 11, code  # no two ages look the same
        assert labels.photo_on.format(number=1, name="Ann").count("Ann") == 1


@pytest.mark.parametrize(
    ("language", "unit", "amounts", "shown"),
    [
        ("en", "hour", (1, 2), ["an hour ago", "2 hours ago"]),
        ("de", "month", (1, 3), ["vor einem Monat", "vor 3 Monaten"]),
        ("pl", "month", (1, 3, 5, 12), ["miesiąc", "3 miesiące", "5 miesięcy", "12 miesięcy"]),
        ("ru", "minute", (1, 3, 11, 21), ["минуту", "3 минуты", "11 минут", "21 минуту"]),
        ("ar", "month", (1, 2, 3, 11), ["شهر", "شهرين", "3 أشهر", "11 شهرًا"]),
        ("ja", "week", (1, 2), ["1 週間前", "2 週間前"]),
    ],
)
def test_numbers_take_the_form_that_their_language_wants(
    language: str, unit: str, amounts: tuple[int, ...], shown: list[str]
) -> None:
    dates = [labels_in(language).date(amount, unit) for amount in amounts]
    cut = [re.sub(r" ?(temu|назад|قبل) ?", "", date) for date in dates]
    assert cut == shown


def test_a_page_is_in_the_language_that_its_url_asks_for(site: str) -> None:
    for query in ("lang=fr", "hl=fr", "hl=fr-CA"):
        french = text_of(f"{site}{PLACE}?{query}")
        assert '<html lang="fr"' in french
        assert 'aria-label="Avis pour Cafe Central"' in french
        assert "étoiles" in french
        (card,) = json_of(f"{site}{PLACE}/reviews.json?{query}&batch=1&stop_at=1")["cards"]
        assert "il y a" in card["html"] or "Modifié" in card["html"]
        assert "stars" not in card["html"]
    assert 'dir="rtl"' in text_of(f"{site}{PLACE}?lang=ar")
    assert '<html lang="en"' in text_of(f"{site}{PLACE}?lang=../de")
    asked = text_of(f"{site}{PLACE}?view=consent&lang=de")
    assert "Alle ablehnen" in asked


def test_the_truth_has_the_dates_as_the_page_shows_them(site: str) -> None:
    for language in LANGUAGE_CODES:
        items = json_of(f"{site}/truth/Cafe+Central?lang={language}")["items"]
        cards = json_of(f"{site}{PLACE}/reviews.json?lang={language}&batch=100")["cards"]
        for item, card in zip(items, cards, strict=True):
            assert item["relative_date"].replace(" ", "&nbsp;", 1) in card["html"]
            assert (item["owner_response_relative_date"] or "") in card["html"]


def test_class_names_are_new_and_the_same_for_the_same_seed() -> None:
    review = demo_review(PlaceKey(), 3)
    usual = render(review, "")["html"]
    without = render(review, "", Look(class_names=new_class_names("0", 7)))["html"]
    assert not set(re.findall(r'class="([^"]+)"', without)) & set(
        re.findall(r'class="([^"]+)"', usual)
    )
    assert re.sub(r'class="[^"]*"', "", without) == re.sub(r'class="[^"]*"', "", usual)
    assert new_class_names("0", 7) == new_class_names("0", 7) != new_class_names("0", 8)
    one_field = new_class_names("rating,date", 7)
    assert set(one_field) == set(f"{CLASSES['rating']} {CLASSES['date']}".split())
    assert new_class_names("", 7) == new_class_names("nonsense", 7) == {}


def test_a_card_can_be_without_any_mark_or_any_number() -> None:
    review = demo_review(PlaceKey(), 3)
    bare = render(review, "", Look(is_readable=False))["html"]
    assert set(re.findall(r"<(\w+)[ >]", bare)) == {"div"}
    assert "=" not in bare
    assert review.truth["author_name"] in bare
    stars = render(review, "", Look(has_rating_numbers=False))["html"]
    (label,) = re.findall(r'class="kvMYJc" role="img" aria-label="([^"]*)"', stars)
    assert not re.search(r"\d", label)


def test_texts_of_a_truncating_place_are_cut_and_the_truth_says_so() -> None:
    look = Look(is_truncated=True)
    whole, cut = generate(7, 60, now=NOW), generate(7, 60, now=NOW, look=look)
    differing = [(a, b) for a, b in zip(whole, cut, strict=True) if a["text"] != b["text"]]
    assert differing
    for before, after in differing:
        assert after["is_text_complete"] is False
        assert after["text"].endswith(" …")
        assert before["text"].startswith(after["text"].removesuffix(" …"))
    cards = [render(demo_review(PlaceKey(), index), "", look) for index in range(60)]
    assert not any("expandReview" in card["html"] for card in cards)
    assert not any(version["short"] for card in cards for version in versions_of(card))


def versions_of(card: dict[str, Any]) -> list[dict[str, Any]]:
    return [version for version in card["texts"].values() if isinstance(version, dict)]


def test_a_list_repeats_cards_and_ends_where_it_is_told(site: str) -> None:
    first = json_of(f"{site}{PLACE}/reviews.json?duplicate=1&offset=0")
    second = json_of(f"{site}{PLACE}/reviews.json?duplicate=1&offset=10")
    ids = [[card["id"] for card in batch["cards"]] for batch in (first, second)]
    assert ids[1][:3] == ids[0][-3:]
    assert len(set(ids[0] + ids[1])) == 20
    assert len(json_of(f"{site}/truth/Cafe+Central?stop_at=12")["items"]) == 12


def test_more_can_be_announced_than_there_is(site: str) -> None:
    page = text_of(f"{site}{PLACE}?reviews=50&announced=20")
    assert 'aria-label="60 reviews"' in page
    truth = json_of(f"{site}/truth/Cafe+Central?reviews=50&announced=20")
    assert truth["place"]["reviews_total"] == sum(truth["place"]["histogram"].values()) == 60
    assert len(truth["items"]) == 50


def test_a_batch_fails_as_often_as_it_is_told(site: str) -> None:
    batch = f"{site}{PLACE}/reviews.json?error_at=2&errors=2&error_status=429&retry_after_s=7"
    assert json_of(f"{batch}&offset=0")["next"] == 10
    for tries in (0, 1):
        refused = failure(f"{batch}&offset=10&tries={tries}")
        assert (refused.code, refused.headers["Retry-After"]) == (429, "7")
    assert len(json_of(f"{batch}&offset=10&tries=2")["cards"]) == 10
    assert failure(f"{site}{PLACE}/reviews.json?error_at=1").code == 500
    sorry = failure(f"{site}{PLACE}/reviews.json?sorry_at=2&offset=20")
    assert json.loads(sorry.read()) == {"sorry": "/sorry/index"}


def test_a_tab_is_told_to_crash_as_often_as_the_url_says(site: str) -> None:
    batch = f"{site}{PLACE}/reviews.json?crash=2&crashes=2&hang=1&seed=91"
    acts = [json_of(f"{batch}&offset={offset}")["act"] for offset in (0, 0, 10, 10, 10)]
    assert acts == ["hang", "", "crash", "crash", ""]


def test_a_short_link_leads_to_its_place(site: str) -> None:
    with urlopen(f"{site}/short/Cafe+Central?reviews=5&lang=de", timeout=5) as answer:  # noqa: S310
        assert answer.url == f"{site}{PLACE}?reviews=5&lang=de"


def test_a_list_of_one_place_leads_to_it_beside_an_advertisement(site: str) -> None:
    page = text_of(f"{site}{PLACE}?reviews=5&view=results&results=one&lang=fr")
    links = re.findall(r'class="hfpxzc"[^>]* href="([^"]+)"', page)
    assert f"{PLACE}?reviews=5&amp;lang=fr" in links
    assert len(links) == 2
    assert "Sponsorisé" in page


def test_a_search_finds_its_place_among_others(site: str) -> None:
    found = {
        results: re.findall(r'class="hfpxzc" aria-label="([^"]*)"', text_of(address))
        for results in ("", "named", "one")
        if (address := f"{site}/maps/search/Cafe+Central?results={results}")
    }
    assert found[""] == [f"Cafe Central {number}" for number in range(1, 6)]
    assert sorted(found["named"]) == ["Cafe Central", *found[""]]
    assert found["one"] == ["Cake &amp; Co", "Cafe Central"]


def ask(site: str, source: str, cursor: str | None) -> Any:
    """The payload of the answer in today's shape."""
    call = ["/MapsUgcPostService.ListUgcPosts", json.dumps([None, cursor, 10]), None, "generic"]
    address = f"{site}/maps/_/MapsWizUi/data/batchexecute?" + urlencode(
        {"rpcids": "qv9Egd", "source-path": source}
    )
    form = urlencode({"f.req": json.dumps([[call]])}).encode()
    with urlopen(Request(address, data=form), timeout=5) as answer:  # noqa: S310
        text = answer.read().decode()
    assert text.startswith(")]}'\n")
    row = next(json.loads(line)[0] for line in text.splitlines() if "wrb.fr" in line)
    return json.loads(row[2])


@pytest.mark.parametrize("shape", ["1", "rpc"])
def test_the_network_brings_the_same_reviews_as_the_cards(site: str, shape: str) -> None:
    source = f"{PLACE}?seed=5&network={shape}&sort=newest"
    seen: list[str] = []
    cursor: str | None = None
    while True:
        if shape == "rpc":
            query = f"source-path={quote(source)}&cursor={cursor or ''}"
            text = text_of(f"{site}/maps/rpc/listugcposts?{query}")
            payload = json.loads(text.removeprefix(")]}'"))
        else:
            payload = ask(site, source, cursor)
        seen += [entry[0][0] for entry in payload[2]]
        cursor = payload[1]
        if cursor is None:
            break
    truth = json_of(f"{site}/truth/Cafe+Central?seed=5&network={shape}&sort=newest")["items"]
    assert seen == [item["review_id"] for item in truth]
    assert len(seen) == 23
    assert {item["source"] for item in truth} == {"network"}


def test_a_question_over_the_network_that_cannot_be_read_is_refused(site: str) -> None:
    address = f"{site}/maps/_/MapsWizUi/data/batchexecute?rpcids=qv9Egd"
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(address, data=b"f.req=nonsense"), timeout=5)  # noqa: S310
    assert refused.value.code == 400


def test_another_round_changes_three_reviews_and_the_list_is_as_long(site: str) -> None:
    first, again, second = (
        json_of(f"{site}/truth/Cafe+Central?reviews=8&round={n}")["items"] for n in (1, 1, 2)
    )
    assert [each["review_id"] for each in first] == [each["review_id"] for each in again]
    assert first[0]["review_id"] == second[0]["review_id"]
    assert (first[0]["text"] != second[0]["text"], second[0]["is_edited"]) == (True, True)
    assert first[1]["review_id"] != second[1]["review_id"]
    assert first[2]["owner_response_text"] != second[2]["owner_response_text"]
    texts = [[each["text"] for each in items[3:]] for items in (first, second)]
    assert texts[0] == texts[1]
