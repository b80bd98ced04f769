"""The demo site's own pages: its home, with a way to every kind of place, and one about itself."""

from __future__ import annotations

from urllib.parse import quote_plus

from embedded.demo.generator import DEFAULT_PLACE
from embedded.demo.pages import page

VIEWS = ("no_reviews", "limited", "consent", "captcha", "not_a_place", "results", "blank")
WAYS = (
    ("one review", "reviews=1"),
    ("no Menu tab", "menu=0"),
    ("2,000 reviews", "reviews=2000"),
    ("hotel layout", "layout=hotel"),
    ("in Japanese", "lang=ja"),
    ("in Arabic", "lang=ar"),
    ("other class names", "classes=0"),
    ("cards that leave the document", "virtual=1&reviews=200"),
    ("reviews over the network", "network=1"),
    ("cards that only the network tells", "network=1&cards=unreadable"),
    ("texts that are cut", "truncate=1"),
    ("cards that come twice", "duplicate=1"),
    ("a fifth more announced than there is", "announced=20"),
    ("list that stops", "stop_at=30"),
    ("list that hangs until it is loaded again", "reload_at=30"),
    ("list with a batch that fails twice", "error_at=3&errors=2"),
    ("list that takes you for a machine", "sorry_at=4"),
    ("list that crashes its tab", "crash=3"),
    ("list whose script hangs", "hang=3"),
    ("no menu of orders", "sort_menu=0"),
    ("a result list with one place", "view=results&results=one"),
    ("a page that is empty for a while", "slow_open_ms=3000"),
)


def home_page() -> str:
    """Links to all that the site can show."""
    base = f"/maps/place/{quote_plus(DEFAULT_PLACE)}"
    links = [("the default place", "/demo")]
    links += [(name, f"{base}?{query}") for name, query in WAYS]
    links += [(view, f"{base}?view={view}") for view in VIEWS]
    links += [("a short link", f"/short/{quote_plus(DEFAULT_PLACE)}")]
    links += [("what the default place holds", f"/truth/{quote_plus(DEFAULT_PLACE)}")]
    links += [("a page that is no place", "/about"), ("webhooks received", "/inbox")]
    items = "".join(
        f'<li><a href="{url.replace("&", "&amp;")}">{name}</a></li>' for name, url in links
    )
    return page(
        "Demo site",
        "<main><h1>Scrapestream's demo site</h1><p>Places that look like Google Maps to a "
        "scraper. All of it is made up here, from a seed, and behaves as the URL says: the "
        "parameters are in <code>docs/reference/demo-site.md</code>. The same parameters after "
        f"<code>/truth/NAME?</code> give what a scraper must find.</p><ul>{items}</ul></main>",
    )


def about_page() -> str:
    """A page that is no place."""
    return page("About", "<main><h2>About</h2><p>No place: it has feelings, but no reviews.</p>")
