"""A place through the whole system, beside a scraper of the popular kind and the site's floor."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import httpx2

from bench.peers import classic_selenium
from bench.report import line, quantile
from bench.runs import distinct_reviews, follow, submit
from scrapestream.roles import DemoSite
from scrapestream.stack import Stack

REVIEWS = 550
BATCH = 10
LATENCY_MS = 300
FLOOR_S = REVIEWS / BATCH * LATENCY_MS / 1000
SMALL_JOBS = 12
PAIR_REVIEWS = 300


async def measure(directory: Path) -> None:
    """Ours from the start of the attempt to the completed job, all reviews in ClickHouse."""
    async with Stack(
        directory / "one", workers=1, slots=1, api_port=0, demo=DemoSite(latency_ms=LATENCY_MS)
    ) as stack:
        place = f"{stack.addresses.demo_site}/maps/place/Cafe+Central"
        url = f"{place}?reviews={REVIEWS}&latency_ms={LATENCY_MS}"
        async with httpx2.AsyncClient(base_url=stack.addresses.api or "", timeout=120) as api:
            run = await follow(api, await submit(api, url))
            count = await distinct_reviews(api, run.job["job_id"])
            classic = await asyncio.to_thread(classic_selenium.scrape, url)
            small = [
                await follow(api, await submit(api, f"{place}?reviews=10&latency_ms=0&seed={n}"))
                for n in range(SMALL_JOBS)
            ]
            one_s = await _pair_s(api, place)
    classic_s = classic.scroll_s + classic.read_s
    line("floor of the site (batches x latency)", FLOOR_S, "s")
    line("ours: reviews", count, "", at_least=REVIEWS)
    line("ours: attempt started -> job completed", run.took_s, "s")
    line("ours / floor", run.took_s / FLOOR_S, "", at_most=1.15)
    line("classic Selenium: reviews", classic.reviews, "")
    line("classic Selenium: scrolling", classic.scroll_s, "s")
    line("classic Selenium: reading the fields", classic.read_s, "s")
    line("classic / floor", classic_s / FLOOR_S, "")
    line("classic / ours", classic_s / run.took_s, "")
    # The first job warms the browser up; the page itself has no latency here.
    first_s = [each.reached_s(1) for each in small[1:]]
    line("task taken -> first review in the log, p50", quantile(first_s, 0.5), "s", at_most=1.5)
    line("task taken -> first review in the log, worst", max(first_s), "s", at_most=1.5)
    async with Stack(
        directory / "two", workers=1, slots=2, api_port=0, demo=DemoSite(latency_ms=LATENCY_MS)
    ) as stack:
        place = f"{stack.addresses.demo_site}/maps/place/Cafe+Central"
        async with httpx2.AsyncClient(base_url=stack.addresses.api or "", timeout=120) as api:
            two_s = await _pair_s(api, place)
    line("one slot: two places", 2 * PAIR_REVIEWS / one_s, "reviews/s")
    line("two slots: two places", 2 * PAIR_REVIEWS / two_s, "reviews/s")
    line("two slots / one slot", one_s / two_s, "", at_least=1.7)


async def _pair_s(api: httpx2.AsyncClient, place: str) -> float:
    """From the first start to the last end of two jobs submitted at once, seconds."""
    url = f"{place}?reviews={PAIR_REVIEWS}&latency_ms={LATENCY_MS}"
    ids = [await submit(api, f"{url}&seed={seed}") for seed in (101, 102)]
    runs = await asyncio.gather(*(follow(api, job_id) for job_id in ids))
    began = min(run.job["started_at"] for run in runs)
    ended = max(run.job["completed_at"] for run in runs)
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
