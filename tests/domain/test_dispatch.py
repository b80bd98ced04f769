"""Which worker gets which job: never more than it can begin, never past a limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streams.domain.dispatch import BLIND_OFFERS, Dispatcher
from streams.domain.fair_queue import Waiting
from streams.domain.fleet import LATE_AFTER_S, LOST_AFTER_S, RunningAttempt, WorkerReported
from streams.domain.limits import Limits, Quota, quota_in
from tests.domain.test_fair_queue import waiting

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def report(
    worker: str, free: int = 1, *, running: tuple[str, ...] = (), kinds: tuple[str, ...] = ()
) -> WorkerReported:
    return WorkerReported(
        worker=worker,
        host="h",
        version="1",
        occurred_at=NOW,
        started_at=NOW,
        slots=free + len(running),
        free=free,
        running=[RunningAttempt(job_id=job_id, attempt=1) for job_id in running],
        kinds=kinds or ("reviews",),
        partitions=(3, 4) if worker == "w1" else (7,),
    )


def dispatcher(*jobs: Waiting, limits: Limits | None = None) -> Dispatcher:
    made = Dispatcher(limits)
    for job in jobs:
        made.admit(job)
    return made


def offered(made: Dispatcher, now_s: float = 0.0) -> list[tuple[str, str | None]]:
    return [(offer.waiting.job_id, offer.worker) for offer in made.offers(now_s)]


JOBS = [waiting(number) for number in range(5)]
IDS = [job.job_id for job in JOBS]


def test_a_worker_gets_as_many_as_it_has_free_slots_in_partitions_that_it_reads() -> None:
    made = dispatcher(*JOBS)
    assert made.offers(0.0) == []
    made.hear(report("w1", 2), 0.0)
    offers = made.offers(0.0)
    assert [offer.waiting for offer in offers] == JOBS[:2]
    assert {offer.worker for offer in offers} == {"w1"}
    assert {offer.partition for offer in offers} <= {3, 4}
    assert made.offers(0.0) == []


def test_a_job_goes_to_the_idle_worker_not_behind_the_busy_one() -> None:
    made = dispatcher(*JOBS)
    made.hear(report("w1", 0, running=("other",)), 0.0)
    made.hear(report("w2", 1), 0.0)
    assert offered(made) == [(IDS[0], "w2")]


def test_a_report_from_before_the_offer_makes_no_room_for_a_second_one() -> None:
    made = dispatcher(*JOBS)
    made.hear(report("w1", 1), 0.0)
    assert len(made.offers(0.0)) == 1
    made.hear(report("w1", 1), 1.0)  # it has not seen its task yet
    assert made.offers(1.0) == []
    made.note_started(JOBS[0], "w1", 1.0)
    assert made.offers(1.0) == []
    made.hear(report("w1", 0, running=(IDS[0],)), 1.0)
    assert made.offers(1.0) == []
    made.hear(report("w1", 1), 2.0)  # it has ended there
    assert len(made.offers(2.0)) == 1


def test_the_end_of_a_job_in_the_log_makes_room_only_when_the_worker_says_so() -> None:
    made = dispatcher(*JOBS[:2])
    made.hear(report("w1", 1), 0.0)
    made.offers(0.0)
    made.note_started(JOBS[0], "w1", 0.0)
    made.hear(report("w1", 0, running=(IDS[0],)), 0.0)
    made.forget(IDS[0])
    assert made.offers(0.0) == []
    made.hear(report("w1", 1), 0.0)
    assert offered(made) == [(IDS[1], "w1")]


ONE_A_TENANT = Limits(per_tenant=Quota(default=1))


def test_the_end_that_a_worker_tells_counts_before_the_log_has_it() -> None:
    made = dispatcher(*JOBS, limits=ONE_A_TENANT)
    made.hear(report("w1", 1), 0.0)
    assert offered(made) == [(IDS[0], "w1")]
    made.hear(report("w1", 0, running=(IDS[0],)), 0.1)
    assert offered(made) == []
    made.hear(report("w1", 1), 0.2)
    assert offered(made) == [(IDS[1], "w1")]
    assert made.knows(IDS[0], 1)  # nobody may offer it again: the log has yet to say how it ended
    made.note_started(JOBS[0], "w1", 0.3)  # behind a flood the log comes later
    made.forget(IDS[0])
    assert offered(made) == []  # the second one holds its tenant's place
    made.forget(IDS[1])
    made.hear(report("w1", 1), 0.4)
    assert offered(made) == [(IDS[2], "w1")]


def test_a_job_that_its_worker_has_begun_is_not_offered_again() -> None:
    made = dispatcher(*JOBS[:1])
    made.hear(report("w1", 1), 0.0)
    made.offers(0.0)
    made.hear(report("w1", 0, running=(IDS[0],)), 0.1)
    assert made.unstarted(99.0, 5.0) == []
    made.requeue(IDS[0])
    assert len(made.queue) == 0


def test_another_attempt_in_a_report_says_nothing_of_this_one() -> None:
    second = replace(JOBS[0], attempt=2)
    made = dispatcher(second, JOBS[1], limits=ONE_A_TENANT)
    made.hear(report("w1", 1, running=(IDS[0],)), 0.0)
    assert offered(made) == [(IDS[0], "w1")]
    made.hear(report("w1", 2), 0.1)  # the end of the first attempt
    assert offered(made) == []
    assert len(made.unstarted(99.0, 5.0)) == 1


def test_a_worker_that_started_again_has_its_slots_back_before_the_old_lease_ends() -> None:
    made = dispatcher(*JOBS[:2], limits=Limits(per_kind=Quota(default=2)))
    made.hear(report("w1", 1), 0.0)
    made.offers(0.0)
    made.note_started(JOBS[0], "w1", 0.0)
    made.hear(replace(report("w1", 1), started_at=NOW.replace(hour=13)), 2.0)
    assert offered(made, 2.0) == [(IDS[1], "w1")]
    made.admit(JOBS[2])
    made.hear(report("w2", 1), 2.0)
    assert offered(made, 2.0) == []  # the lost one counts until it is declared lost
    made.forget(IDS[0])
    assert offered(made, 2.0) == [(IDS[2], "w2")]


def test_what_works_for_other_orchestrators_counts_for_the_limits() -> None:
    made = dispatcher(*JOBS, limits=Limits(per_tenant=Quota(default=2)))
    of_others = [
        RunningAttempt(job_id=f"other-{number}", attempt=1, tenant=JOBS[0].tenant, kind="reviews")
        for number in range(2)
    ]
    made.hear(replace(report("w2", 2), running=of_others), 0.0)
    assert offered(made) == []
    made.hear(replace(report("w2", 2), running=of_others[:1]), 0.1)
    assert offered(made, 0.1) == [(IDS[0], "w2")]
    ours = RunningAttempt(job_id=IDS[0], attempt=1, tenant=JOBS[0].tenant, kind="reviews")
    made.hear(replace(report("w2", 2), running=[ours]), 0.2)  # ours is not counted twice
    assert offered(made, 0.2) == [(IDS[1], "w2")]


def test_a_lost_worker_holds_nobody_elses_place() -> None:
    made = dispatcher(*JOBS, limits=Limits(per_site=Quota(default=1)))
    other = RunningAttempt(job_id="other", attempt=1, site=JOBS[0].site)
    made.hear(replace(report("w1", 0), running=[other]), 0.0)
    made.hear(report("w2", 1), LOST_AFTER_S)
    assert offered(made, LOST_AFTER_S) == []
    assert offered(made, LOST_AFTER_S + 1) == [(IDS[0], "w2")]


def test_work_is_spread_and_goes_where_its_kind_is_known() -> None:
    made = dispatcher(*JOBS[:2], waiting(1, kind="shopping"))
    made.hear(report("w1", 2), 0.0)
    made.hear(report("w2", 2, kinds=("reviews", "shopping")), 0.0)
    given = made.offers(0.0)
    assert Counter(offer.worker for offer in given)["w1"] >= 1
    assert {offer.worker for offer in given if offer.waiting.kind == "shopping"} == {"w2"}
    assert len(given) == 3


def test_who_is_late_drains_reads_nothing_or_has_stopped_gets_nothing() -> None:
    made = dispatcher(*JOBS)
    made.hear(report("w1"), 0.0)
    made.hear(replace(report("w2"), is_draining=True), LATE_AFTER_S + 1)
    made.hear(replace(report("w3"), partitions=()), LATE_AFTER_S + 1)
    made.hear(report("w4"), LATE_AFTER_S + 1)
    made.hear(replace(report("w4"), is_stopped=True), LATE_AFTER_S + 1)
    assert made.offers(LATE_AFTER_S + 1) == []
    made.hear(report("w1"), LATE_AFTER_S + 2)
    assert offered(made, LATE_AFTER_S + 2) == [(IDS[0], "w1")]


def test_an_offer_that_nobody_starts_can_be_made_again_elsewhere() -> None:
    made = dispatcher(JOBS[0])
    made.hear(report("w1"), 0.0)
    made.offers(0.0)
    made.note_place(IDS[0], ("scrape-tasks-normal", 3, 17))
    assert made.unstarted(4.0, 5.0) == []
    (lost,) = made.unstarted(6.0, 5.0)
    assert (lost.worker, lost.place) == ("w1", ("scrape-tasks-normal", 3, 17))
    made.requeue(IDS[0])
    made.hear(report("w2"), 6.0)
    made.hear(report("w1", 0, running=("other",)), 6.0)
    assert offered(made, 6.0) == [(IDS[0], "w2")]


def test_a_started_job_is_not_offered_again() -> None:
    made = dispatcher(JOBS[0])
    made.note_started(JOBS[0], "w9", 0.0)
    made.requeue(IDS[0])
    made.hear(report("w1"), 0.0)
    assert made.offers(0.0) == []
    made.admit(replace(JOBS[0], attempt=2))  # its next attempt
    assert offered(made) == [(IDS[0], "w1")]


def test_without_heartbeats_only_some_are_offered_to_whoever_reads() -> None:
    made = dispatcher(*(waiting(number) for number in range(100)))
    blind = made.offers(0.0, is_blind=True)
    assert len(blind) == BLIND_OFFERS
    assert {(offer.worker, offer.partition) for offer in blind} == {(None, None)}
    assert made.offers(0.0, is_blind=True) == []
    made.note_started(blind[0].waiting, "w1", 1.0)
    assert len(made.offers(1.0, is_blind=True)) == 1


@pytest.mark.parametrize(
    "limits",
    [
        Limits(per_tenant=Quota(default=2)),
        Limits(per_kind=Quota(of={"reviews": 2})),
        Limits(per_site=Quota(default=9, of={"": 2})),
    ],
    ids=["tenant", "kind", "site"],
)
def test_a_limit_counts_what_is_offered_and_what_runs(limits: Limits) -> None:
    made = dispatcher(*JOBS, limits=limits)
    made.hear(report("w1", 5), 0.0)
    first, second = made.offers(0.0)
    made.note_started(first.waiting, "w1", 0.0)
    assert made.offers(0.0) == []
    made.forget(second.waiting.job_id)
    assert len(made.offers(0.0)) == 1


def test_a_limited_tenant_leaves_its_slots_to_others() -> None:
    jobs = [waiting(number, tenant=tenant) for number in range(10) for tenant in ("a", "b")]
    made = dispatcher(*jobs, limits=Limits(per_tenant=Quota(of={"a": 1})))
    made.hear(report("w1", 8), 0.0)
    assert Counter(offer.waiting.tenant for offer in made.offers(0.0)) == {"a": 1, "b": 7}


def test_two_tenants_get_the_same_number_of_slots_although_one_came_first() -> None:
    made = dispatcher(*(waiting(number, tenant="big") for number in range(1_000)))
    made.hear(report("w1", 8), 0.0)
    running = made.offers(0.0)
    for number in range(10):
        made.admit(waiting(number, tenant="small"))
    for round_ in range(4):  # one slot after the other comes free
        done = running[round_].waiting
        made.forget(done.job_id)
        assert made.offers(0.0)[0].waiting.tenant == "small"


def test_quotas_are_read_from_texts() -> None:
    assert quota_in([]) == Quota()
    assert quota_in(["5", "acme=20"]) == Quota(default=5, of={"acme": 20})
    for text in ("x", "a=", "=3", "a=-1", "nan", "inf"):
        with pytest.raises(ValueError, match="NAME=NUMBER"):
            quota_in([text])
