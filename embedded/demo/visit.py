"""What one request asks of a demo place: which place, and how the site shall behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from embedded.demo.generator import DEFAULT_PLACE, SORTS, PlaceKey
from embedded.demo.labels import labels_in
from embedded.demo.look import Look, new_class_names

BATCH = 10
MAX_REVIEWS = 100_000
ERROR_STATUSES = (429, 500, 503)
NETWORKS = {"1": "network", "rpc": "rpc"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, and when. Batches count from 1; None: never."""

    stop_at: int | None = None
    """The list ends there (in reviews) without a word."""
    stuck_at: int | None = None
    """The list hangs there until somebody scrolls up."""
    reload_at: int | None = None
    """The list hangs there until the page has been loaded again, ``reloads`` times."""
    reloads: int = 1
    error_at: int | None = None
    """This batch answers ``error_status``, ``errors`` times."""
    errors: int = 1
    error_status: int = 500
    retry_after_s: int = 1
    sorry_at: int | None = None
    """From this batch on, the site takes the visitor for a machine."""
    crash: int | None = None
    """The tab crashes on this batch, the first ``crashes`` times that it is asked for."""
    crashes: int = 1
    hang: int | None = None
    """The page's script never ends on this batch, the first ``hangs`` times."""
    hangs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a place."""

    key: PlaceKey
    latency_ms: int
    slow_open_ms: int
    """How long the page stays empty."""
    view: str
    results: str
    has_menu: bool
    has_sort: bool
    """Whether the list offers other orders."""
    sort: str
    batch: int
    has_duplicates: bool
    """Each batch repeats the last cards of the one before."""
    announced: int
    """Reviews that the page says there are."""
    network: str
    """The shape of the answers that bring reviews (``embedded.demo.answers``), or empty."""
    is_virtual: bool
    """Cards far from the eye leave the document."""
    scroll: str
    """What scrolls: ``panel`` or ``document``."""
    look: Look = field(default_factory=Look)
    faults: Faults = field(default_factory=Faults)
    has_moved: bool = False
    loads: int = 1
    """How often this tab has loaded the page."""
    tries: int = 0
    """How often this batch has failed before."""
    query: str = ""

    @property
    def base_url(self) -> str:
        """The place's path."""
        return f"/maps/place/{quote_plus(self.key.name)}"

    @property
    def end(self) -> int:
        """Where the list ends, in reviews."""
        stop_at = self.faults.stop_at
        return self.key.reviews if stop_at is None else min(stop_at, self.key.reviews)

    def is_stuck(self, offset: int) -> bool:
        """Whether the list hangs at ``offset``."""
        faults = self.faults
        if faults.stuck_at is not None and offset >= faults.stuck_at and not self.has_moved:
            return True
        return (
            faults.reload_at is not None
            and offset >= faults.reload_at
            and self.loads <= faults.reloads
        )


def read_visit(
    name: str, query: Mapping[str, str], *, text: str, reviews: int, latency_ms: int, seed: int
) -> Visit:
    """The visit of the place ``name``; the numbers hold where the ``query`` does not say otherwise.

    ``text`` is the query as it stands in the URL.
    """
    sort = query.get("sort", "")
    key = PlaceKey(
        name=name.split("/", maxsplit=1)[0].replace("+", " ").strip() or DEFAULT_PLACE,
        reviews=number_in(query.get("reviews"), reviews, MAX_REVIEWS),
        seed=number_in(query.get("seed"), seed, 2**31),
        round=max(1, number_in(query.get("round"), 1, 1_000)),
    )
    return Visit(
        key=key,
        latency_ms=number_in(query.get("latency_ms"), latency_ms, 60_000),
        slow_open_ms=number_in(query.get("slow_open_ms"), 0, 60_000),
        view=query.get("view", ""),
        results=query.get("results", ""),
        has_menu=query.get("menu", "1") == "1",
        has_sort=query.get("sort_menu", "1") == "1",
        sort=sort if sort in SORTS else SORTS[0],
        batch=max(1, number_in(query.get("batch"), BATCH, 1_000)),
        has_duplicates=query.get("duplicate") == "1",
        announced=key.reviews * (100 + number_in(query.get("announced"), 0, 10_000)) // 100,
        network=NETWORKS.get(query.get("network", ""), ""),
        is_virtual=query.get("virtual") == "1",
        scroll="document" if query.get("scroll") == "document" else "panel",
        look=_look(query, key.seed),
        faults=_faults(query),
        has_moved="moved" in query,
        loads=number_in(query.get("loads"), 1, 1_000),
        tries=number_in(query.get("tries"), 0, 1_000),
        query=text,
    )


def _look(query: Mapping[str, str], seed: int) -> Look:
    return Look(
        labels=labels_in(query.get("lang") or query.get("hl") or "en"),
        layout=query.get("layout", "cafe"),
        class_names=new_class_names(query.get("classes", ""), seed),
        is_readable=query.get("cards") != "unreadable",
        has_rating_numbers=query.get("rating_words") != "none",
        is_truncated=query.get("truncate") == "1",
    )


def _faults(query: Mapping[str, str]) -> Faults:
    status = number_in(query.get("error_status"), 500, 599)
    return Faults(
        stop_at=_place_in(query.get("stop_at")),
        stuck_at=_place_in(query.get("stuck_at")),
        reload_at=_place_in(query.get("reload_at")),
        reloads=number_in(query.get("reloads"), 1, 1_000),
        error_at=_place_in(query.get("error_at")),
        errors=number_in(query.get("errors"), 1, 1_000),
        error_status=status if status in ERROR_STATUSES else 500,
        retry_after_s=number_in(query.get("retry_after_s"), 1, 3_600),
        sorry_at=_place_in(query.get("sorry_at")),
        crash=_place_in(query.get("crash")),
        crashes=number_in(query.get("crashes"), 1, 1_000),
        hang=_place_in(query.get("hang")),
        hangs=number_in(query.get("hangs"), 1, 1_000),
    )


def number_in(text: str | None, default: int, largest: int) -> int:
    """The number that ``text`` is, at most ``largest``."""
    is_number = text is not None and text.isdecimal() and len(text) < 12
    return min(int(text or 0), largest) if is_number else default


def _place_in(text: str | None) -> int | None:
    return None if text is None else number_in(text, 0, MAX_REVIEWS)
