"""What one request asks of a demo place: which place, and how the site shall behave."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote_plus

from starlette.requests import Request

from embedded.demo.generator import DEFAULT_PLACE, SORTS, PlaceKey

BATCH = 10
MAX_REVIEWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a place."""

    key: PlaceKey
    latency_ms: int
    view: str
    has_menu: bool
    has_sort: bool
    """Whether the list offers other orders."""
    sort: str
    batch: int
    stop_at: int | None
    """The list ends there without a word."""
    stuck_at: int | None
    """The list hangs there until somebody scrolls up."""
    reload_at: int | None
    """The list hangs there until the page has been loaded again, ``reloads`` times."""
    reloads: int
    has_moved: bool
    loads: int
    """How often this tab has loaded the page."""
    layout: str
    query: str

    @property
    def base_url(self) -> str:
        """The place's path."""
        return f"/maps/place/{quote_plus(self.key.name)}"

    def is_stuck(self, offset: int) -> bool:
        """Whether the list hangs at ``offset``."""
        if self.stuck_at is not None and offset >= self.stuck_at and not self.has_moved:
            return True
        return (
            self.reload_at is not None and offset >= self.reload_at and self.loads <= self.reloads
        )


def read_visit(request: Request, *, reviews: int, latency_ms: int, seed: int) -> Visit:
    """The visit of a URL; the numbers hold where it does not say otherwise."""
    query = request.query_params
    name = request.path_params["name"].split("/")[0].replace("+", " ").strip()
    sort = query.get("sort", "")
    return Visit(
        key=PlaceKey(
            name=name or DEFAULT_PLACE,
            reviews=number_in(query.get("reviews"), reviews, MAX_REVIEWS),
            seed=number_in(query.get("seed"), seed, 2**31),
        ),
        latency_ms=number_in(query.get("latency_ms"), latency_ms, 60_000),
        view=query.get("view", ""),
        has_menu=query.get("menu", "1") == "1",
        has_sort=query.get("sort_menu", "1") == "1",
        sort=sort if sort in SORTS else SORTS[0],
        batch=max(1, number_in(query.get("batch"), BATCH, 1_000)),
        stop_at=_place_in(query.get("stop_at")),
        stuck_at=_place_in(query.get("stuck_at")),
        reload_at=_place_in(query.get("reload_at")),
        reloads=number_in(query.get("reloads"), 1, 1_000),
        has_moved="moved" in query,
        loads=number_in(query.get("loads"), 1, 1_000),
        layout=query.get("layout", "cafe"),
        query=str(request.url.query),
    )


def number_in(text: str | None, default: int, largest: int) -> int:
    """The number that ``text`` is, at most ``largest``."""
    is_number = text is not None and text.isdecimal() and len(text) < 12
    return min(int(text or 0), largest) if is_number else default


def _place_in(text: str | None) -> int | None:
    return None if text is None else number_in(text, 0, MAX_REVIEWS)
