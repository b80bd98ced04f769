"""Who is served next: priority without starvation, fair between tenants, oldest first."""

from __future__ import annotations

from collections import Counter

from hypothesis import given as random
from hypothesis import strategies as st

from streams.domain.fair_queue import FairQueue, Waiting, site_of

NOBODY: Counter[str] = Counter()


def waiting(
    number: int, *, tenant: str = "public", priority: str = "normal", kind: str = "reviews"
) -> Waiting:
    return Waiting(
        job_id=f"{tenant}/{priority}/{kind}/{number}",
        attempt=1,
        tenant=tenant,
        kind=kind,
        site="",
        priority=priority,
        order=(float(number), 0, number),
    )


def filled(*jobs: Waiting) -> FairQueue:
    queue = FairQueue()
    for job in jobs:
        queue.add(job)
    return queue


def served(queue: FairQueue, most: int = 1_000) -> list[Waiting]:
    """The next jobs, each at an end before the next one is taken."""
    found: list[Waiting] = []
    while len(found) < most and (job := queue.take(running=NOBODY)):
        found.append(job)
    return found


def test_of_one_tenant_the_oldest_is_first_however_they_came() -> None:
    queue = filled(*(waiting(n) for n in (3, 1, 5, 2, 4)))
    assert [job.order[2] for job in served(queue)] == [1, 2, 3, 4, 5]


def test_a_high_job_that_comes_later_goes_before_normal_and_low_ones() -> None:
    queue = filled(*(waiting(n) for n in range(20)), *(waiting(n, priority="low") for n in (1, 2)))
    assert len(served(queue, 5)) == 5
    queue.add(waiting(99, priority="high"))
    assert served(queue, 1)[0].priority == "high"


def test_low_ones_are_served_one_time_in_nine_while_normal_ones_wait() -> None:
    queue = filled(
        *(waiting(n) for n in range(1_000)), *(waiting(n, priority="low") for n in range(1_000))
    )
    priorities = Counter(job.priority for job in served(queue, 900))
    assert priorities == {"normal": 800, "low": 100}


def test_normal_ones_are_not_starved_by_high_ones() -> None:
    queue = filled(
        *(waiting(n) for n in range(1_000)), *(waiting(n, priority="high") for n in range(1_000))
    )
    assert Counter(job.priority for job in served(queue, 90))["normal"] == 10


def test_one_job_of_a_small_tenant_goes_next_although_another_has_25_000() -> None:
    queue = filled(*(waiting(n, tenant="big") for n in range(25_000)))
    assert len(served(queue, 100)) == 100
    queue.add(waiting(30_000, tenant="small"))
    assert "small" in {job.tenant for job in served(queue, 2)}


def test_tenants_take_turns_by_their_weights() -> None:
    queue = FairQueue(lambda tenant: 3.0 if tenant == "paying" else 1.0)
    for number in range(100):
        queue.add(waiting(number, tenant="paying"))
        queue.add(waiting(number, tenant="free"))
    assert Counter(job.tenant for job in served(queue, 40)) == {"paying": 30, "free": 10}


def test_the_tenant_with_less_at_work_is_next() -> None:
    queue = filled(*(waiting(n, tenant=tenant) for n in range(10) for tenant in ("a", "b")))
    first = queue.take(running=Counter(a=4, b=2))
    assert first is not None
    assert first.tenant == "b"


def test_who_had_nothing_to_do_gets_no_credit_for_it() -> None:
    queue = filled(*(waiting(n, tenant="steady") for n in range(100)))
    served(queue, 50)
    for number in range(100):
        queue.add(waiting(number, tenant="new"))
    assert Counter(job.tenant for job in served(queue, 40))["steady"] >= 19


def test_what_is_held_back_does_not_hold_back_the_rest() -> None:
    queue = filled(*(waiting(n) for n in range(5)), waiting(9, kind="shopping"))
    found = queue.take(running=NOBODY, may_lane=lambda kind, _site: kind == "shopping")
    assert found is not None
    assert found.kind == "shopping"
    assert queue.take(running=NOBODY, may_tenant=lambda _tenant: False) is None
    assert len(queue) == 5


@random(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["high", "normal", "low"]),
            st.sampled_from(["add", "add", "remove", "take"]),
        ),
        max_size=80,
    )
)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[int, str, str, str]]) -> None:
    queue, there = FairQueue(), set[str]()
    for number, tenant, priority, what in steps:
        job = waiting(number, tenant=tenant, priority=priority)
        if what == "add":
            queue.add(job)
            there.add(job.job_id)
        elif what == "remove":
            assert queue.remove(job.job_id) == (job.job_id in there)
            there.discard(job.job_id)
        else:
            taken = queue.take(running=NOBODY)
            assert (taken is None) == (not there)
            if taken:
                there.remove(taken.job_id)
        assert len(queue) == len(there)
    assert sorted(job.job_id for job in served(queue)) == sorted(there)


def test_the_next_of_25_000_is_found_without_looking_at_all_of_them() -> None:
    queue = filled(*(waiting(n, tenant=f"tenant {n % 50}") for n in range(25_000)))
    looks = 0

    def looked(_kind: str, _site: str) -> bool:
        nonlocal looks
        looks += 1
        return True

    for _ in range(200):
        assert queue.take(running=NOBODY, may_lane=looked)
    assert looks <= 200 * 50  # once for each tenant's one lane


def test_a_site_is_the_host_of_the_url() -> None:
    assert site_of("https://www.Google.com/maps/place/x") == "www.google.com"
    assert site_of("http://[broken") == ""
