"""Ways in which a page can keep its list of reviews, each read by a real Chromium.

The pages are as small as can be: a place, a tab that is open, and a list with a mind of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote_plus, urlsplit

import pytest

from scrapers.browser import Browser
from scrapers.contract import Described, Finished, Found, Item, Report, Target
from scrapers.sites.google_reviews import scraper, scroll
from streams.errors import TargetRefusedError

COUNT = 90
PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
#list { height: 600px; overflow-y: auto } #wrap { overflow-x: hidden }
.jftiEf { height: 100px; overflow: hidden }</style>
<div role="main"><h1 class="DUwDvf">Cafe</h1>
<p class="F7nice">4.5<i role="img" aria-label="%(total)s reviews"></i></p>
<button role="tab" aria-selected="true">Reviews</button>
<div id="list"><div id="wrap"></div></div></div>
<script>
const list = document.getElementById('list'), wrap = document.getElementById('wrap');
const COUNT = %(count)d;
const fill = (card, n) => {
  card.className = 'jftiEf';
  card.setAttribute('data-review-id', 'review' + n);
  card.innerHTML = `<div class="d4r55">Author ${n}</div><span class="kvMYJc" role="img"
    aria-label="4 stars"></span><span class="rsqaWe">${Math.floor(n / 10) + 1} months ago</span>
    <div class="MyEned" lang="en"><span class="wiI7pd">Text ${n}</span></div>`;
  return card;
};
const card = (n) => fill(document.createElement('div'), n);
%(script)s
</script>"""

WAYS = {
    "grows": """
let next = 0;
const more = () => { for (let i = 0; i < 10 && next < COUNT; i++) wrap.append(card(next++)); };
list.onscroll = () => { if (list.scrollTop + 600 > list.scrollHeight - 300) setTimeout(more, 5); };
more();""",
    "draws all cards anew with each batch": """
let next = 0;
const more = () => {
  next = Math.min(COUNT, next + 10);
  wrap.replaceChildren(...Array.from({ length: next }, (_, n) => card(n)));
};
list.onscroll = () => { if (list.scrollTop + 600 > list.scrollHeight - 300) setTimeout(more, 5); };
more();""",
    "knows its height and draws only what is seen": """
wrap.style.cssText = `position: relative; height: ${COUNT * 100}px`;
const draw = () => {
  const first = Math.floor(list.scrollTop / 100);
  wrap.replaceChildren(...Array.from({ length: 8 }, (_, i) => first + i)
    .filter((n) => n < COUNT).map((n) => {
      const one = card(n);
      one.style.cssText = `position: absolute; top: ${n * 100}px`;
      return one;
    }));
};
list.onscroll = () => requestAnimationFrame(draw);
draw();""",
    "takes its cards away and puts others there one by one": """
wrap.style.cssText = `position: relative; height: ${COUNT * 100}px`;
const drawn = new Map();
const draw = () => {
  const first = Math.floor(list.scrollTop / 100);
  for (const [n, one] of drawn) if (n < first || n > first + 8) { one.remove(); drawn.delete(n); }
  for (let n = first; n < Math.min(COUNT, first + 8); n++) {
    if (drawn.has(n)) continue;
    drawn.set(n, card(n));
    drawn.get(n).style.cssText = `position: absolute; top: ${n * 100}px`;
    wrap.append(drawn.get(n));
  }
};
list.onscroll = () => requestAnimationFrame(draw);
draw();""",
    "uses its cards for other reviews": """
wrap.style.cssText = `position: relative; height: ${COUNT * 100}px`;
const used = Array.from({ length: 8 }, (_, n) => card(n));
wrap.append(...used);
const draw = () => {
  const first = Math.min(COUNT - 8, Math.floor(list.scrollTop / 100));
  used.forEach((one, i) => {
    if (one.dataset.reviewId !== 'review' + (first + i)) fill(one, first + i);
    one.style.cssText = `position: absolute; top: ${(first + i) * 100}px`;
  });
};
list.onscroll = () => requestAnimationFrame(draw);
draw();""",
    "puts back what is taken from it": """
let next = 0;
const more = () => { for (let i = 0; i < 10 && next < COUNT; i++) wrap.append(card(next++)); };
list.onscroll = () => { if (list.scrollTop + 600 > list.scrollHeight - 300) setTimeout(more, 5); };
new MutationObserver((records) => {
  const ids = [...wrap.children].map((one) => one.dataset.reviewId);
  for (let n = next - 1; n >= 0; n--)
    if (!ids.includes('review' + n)) wrap.prepend(card(n));
}).observe(wrap, { childList: true });
more();""",
    "scrolls with the whole page": """
list.style.cssText = 'height: auto; overflow: visible';
let next = 0;
const more = () => { for (let i = 0; i < 10 && next < COUNT; i++) wrap.append(card(next++)); };
document.onscroll = () => {
  if (scrollY + innerHeight > document.body.scrollHeight - 300) setTimeout(more, 5);
};
for (let i = 0; i < 3; i++) more();""",
}
STUCK = """
const isAgain = sessionStorage.getItem('isAgain');
sessionStorage.setItem('isAgain', 'yes');
for (let n = 0; n < 10; n++) wrap.append(card(n));
wrap.insertAdjacentHTML('beforeend', '<div role="progressbar">...</div>');
if (isAgain) location.replace('/sorry/index?continue=here');"""
CAPTCHA = """<!DOCTYPE html><title>Sorry</title><form id="captcha-form">
<p>Our systems have detected unusual traffic from your computer network.</p></form>"""
RESULTS = """<!DOCTYPE html><title>Results</title><div role="main"><div role="feed">{}</div></div>
<p>Some results for what was searched for.</p>"""


class Site(BaseHTTPRequestHandler):
    """``/maps/place/WAY``, ``/maps/search/TEXT``, ``/unknown-total/WAY``, ``/maps/stuck/0``."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        kind, _, way = path.removeprefix("/maps/").rpartition("/")
        if kind == "search":
            names = ("Ad Astra", "Cafe Central", "Cafe Central Two")
            body = RESULTS.format("".join(map(_result, names)))
        elif path.startswith("/sorry/"):
            body = CAPTCHA
        else:
            script = STUCK if kind == "stuck" else WAYS[list(WAYS)[int(way)]]
            total = "" if kind == "unknown-total" else COUNT
            body = PAGE % {"total": total, "count": COUNT, "script": script}
        content = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _result(name: str) -> str:
    link = (
        f'<a class="hfpxzc" href="/maps/place/0?name={quote_plus(name)}" aria-label="{name}">x</a>'
    )
    return f'<div class="Nv2PK" role="article">{link}</div>'


@pytest.fixture(scope="module")
def lists() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scroll, "IDLE_S", 0.3)


def scraped(browser: Browser, url: str, **options: str) -> list[Report]:
    with browser.open_page() as page:
        return list(scraper.scrape(page, Target(url=url, options=options)))


def items_of(reports: list[Report]) -> list[Item]:
    return [item for report in reports if isinstance(report, Found) for item in report.items]


def finished(reports: list[Report]) -> Finished:
    assert isinstance(reports[-1], Finished)
    return reports[-1]


@pytest.mark.parametrize("way", WAYS)
def test_a_list_gives_each_review_once_however_it_keeps_its_cards(
    browser: Browser, lists: str, way: str
) -> None:
    reports = scraped(browser, f"{lists}/maps/place/{list(WAYS).index(way)}")
    items = items_of(reports)
    ids = [item["review_id"] for item in items]
    assert len(ids) == len(set(ids))
    assert set(ids) == {f"review{number}" for number in range(COUNT)}
    for item in items:  # a card that was used for another review must not lend it its text
        assert item["text"] == item["review_id"].replace("review", "Text ")
    assert finished(reports).outcome == "completed"


@pytest.mark.parametrize(
    ("way", "leaves"), [("grows", True), ("puts back what is taken from it", False)]
)
def test_what_was_read_leaves_a_very_long_list_unless_the_site_holds_on_to_it(
    browser: Browser, lists: str, way: str, leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scroll, "KEEP_READ", 0)
    with browser.open_page() as page:
        target = Target(url=f"{lists}/maps/place/{list(WAYS).index(way)}")
        reports = list(scraper.scrape(page, target))
        left = page.run("return document.querySelectorAll('.jftiEf').length")
    ids = [item["review_id"] for item in items_of(reports)]
    assert ids == [f"review{number}" for number in range(COUNT)]
    assert finished(reports).outcome == "completed"
    assert (left < COUNT) == leaves


def test_a_list_without_an_announced_total_ends_where_it_ends(browser: Browser, lists: str) -> None:
    reports = scraped(browser, f"{lists}/maps/unknown-total/0")
    (described,) = (report for report in reports if isinstance(report, Described))
    assert described.items_total is None
    assert len(items_of(reports)) == COUNT
    assert finished(reports).outcome == "completed"


def test_a_captcha_after_a_reload_is_called_one(browser: Browser, lists: str) -> None:
    reports: list[Report] = []
    with (
        browser.open_page() as page,
        pytest.raises(TargetRefusedError, match="a person") as refused,
    ):
        reports.extend(scraper.scrape(page, Target(url=f"{lists}/maps/stuck/0")))
    assert refused.value.outcome == "captcha"
    assert len(items_of(reports)) == 10


def test_a_search_leads_to_the_place_of_that_name(browser: Browser, lists: str) -> None:
    reports = scraped(browser, f"{lists}/maps/search/Cafe+Central", max_reviews="3", language="de")
    assert len(items_of(reports)) == 3
    (described,) = (report for report in reports if isinstance(report, Described))
    assert str(described.facts["url"]).endswith("/maps/place/0?name=Cafe+Central&hl=de")


def test_a_search_for_nothing_in_particular_says_what_to_do(browser: Browser, lists: str) -> None:
    with pytest.raises(TargetRefusedError, match="3 results") as refused:
        scraped(browser, f"{lists}/maps/search/coffee")
    assert refused.value.outcome == "not_a_place"


def test_reviews_older_than_a_day_end_the_list(browser: Browser, site: str) -> None:
    url = f"{site}/maps/place/Cafe+Central?reviews=150"
    everything = items_of(scraped(browser, url, sort="newest"))
    day = everything[40]["published_at"].date().isoformat()
    reports = scraped(browser, url, since=day)
    ids = [item["review_id"] for item in items_of(reports)]
    assert ids == [item["review_id"] for item in everything][: len(ids)]
    assert 41 <= len(ids) < 150
    assert finished(reports).outcome == "completed"
    assert f"older than {day}" in finished(reports).message


def test_known_reviews_end_the_list(browser: Browser, site: str) -> None:
    url = f"{site}/maps/place/Cafe+Central?reviews=150"
    newest = [
        i["review_id"] for i in items_of(scraped(browser, url, max_reviews="40", sort="newest"))
    ]
    reports = scraped(browser, url, known_ids=",".join(newest[13:]), stop_at_known="true")
    assert [item["review_id"] for item in items_of(reports)] == newest[:13]
    assert finished(reports).outcome == "completed"
    assert "reviews that you have" in finished(reports).message


def test_pictures_are_not_loaded_and_their_addresses_are_read(browser: Browser, site: str) -> None:
    with browser.open_page() as page:
        page.open(f"{site}/maps/place/Cafe+Central?reviews=3")
        page.wait_for("return document.querySelector('img.NBa7we')", timeout_s=5)
        size = page.run("return document.querySelector('img.NBa7we').naturalWidth")
        address = page.run("return document.querySelector('img.NBa7we').src")
        page.tidy()
    assert size == 0
    assert address.startswith("http")
