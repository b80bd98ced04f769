"""A site takes us for a machine: its next job waits and spends nothing; another proxy goes on."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from tests.support.system import System, running
from tests.support.upstream import PASSWORD, USER, http_proxy

REVIEWS = 20
BLOCKS = 2
PAUSE_S = 15


def test_a_site_that_blocks_is_left_alone_and_its_jobs_lose_nothing(own_dir: Path) -> None:
    with http_proxy() as upstream:
        environment = {
            "SCRAPESTREAM_MAX_ATTEMPTS": "1",
            "SCRAPESTREAM_SITE_BLOCKS": str(BLOCKS),
            "SCRAPESTREAM_SITE_PAUSE_S": str(PAUSE_S),
            "SCRAPESTREAM_PROXIES": (
                f"berlin=http://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{upstream.port}"
            ),
        }
        arguments = ["--demo", "--port", "0", "--workers", "1", "--slots", "1"]
        with running(System(own_dir, arguments, environment)) as system:
            for number in range(BLOCKS):
                blocked = system.ended(system.submit(system.place(number + 1, view="captcha")))
                assert (blocked["status"], blocked["outcome"]) == ("failed", "captcha")
            waiting = system.submit(system.place(REVIEWS))
            by_proxy = system.submit(system.place(REVIEWS), options={"proxy": "berlin"})

            done = system.ended(by_proxy)
            assert (done["outcome"], done["attempt"]) == ("completed", 1)
            assert upstream.asked
            done = system.ended(waiting, within_s=PAUSE_S + 60)
            assert (done["outcome"], done["reviews_count"]) == ("completed", REVIEWS)
            assert done["attempt"] > 1  # of one that it may spend
            stops = [event for event in system.events(waiting) if event["type"] == "AttemptStopped"]
            assert {event["data"]["reason"] for event in stops} == {"site_paused"}
            assert all(event["data"]["retry_after_s"] > 0 for event in stops)
            unknown = system.ended(system.submit(system.place(3), options={"proxy": "paris"}))
            assert unknown["error_code"] == "input.proxy_unknown"

            assert PASSWORD not in str(system.events(by_proxy))
            for log in (own_dir / "logs").iterdir():
                assert PASSWORD not in log.read_text(errors="replace"), log
                assert quote(PASSWORD, safe="") not in log.read_text(errors="replace"), log
