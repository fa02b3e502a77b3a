"""Quotas: a sliding window, counted in memory that the workers share, on a clock of the test."""

import os
import random
import signal
from collections.abc import Iterable

import pytest

from app.access import Quota, Quotas
from app.access.api_key import MAX_LIMIT
from app.shared_numbers import SharedNumbers
from tests.app.test_shared_numbers import in_a_worker


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def admitted(quotas: Quotas, quota: Quota, times: int) -> int:
    return sum(quotas.admit("ci", quota) == 0 for _ in range(times))


@pytest.mark.parametrize("start", [0.0, 59.9, 60.0, 1e5, 3e8])
def test_a_key_makes_its_requests_and_is_then_refused(start: float) -> None:
    clock = Clock(start)
    quotas, quota = Quotas(SharedNumbers(), clock), Quota(10, "min")
    assert admitted(quotas, quota, 15) == 10
    assert quotas.admit("other", quota) == 0, "another key has its own quota"
    clock.now += 120
    assert admitted(quotas, quota, 15) == 10


@pytest.mark.parametrize("limit", [1, 2, 7, 600])
@pytest.mark.parametrize("unit", ["s", "min", "hour", "day"])
def test_after_the_time_that_it_is_given_a_request_is_admitted(limit: int, unit: str) -> None:
    drawn = random.Random(limit)
    quota = Quota(limit, unit)
    clock = Clock(drawn.uniform(0, 1e6))
    quotas = Quotas(SharedNumbers(), clock)
    for _ in range(20):
        while not (seconds := quotas.admit("ci", quota)):
            clock.now += drawn.uniform(0, quota.seconds / limit)
        assert 1 <= seconds <= 2 * quota.seconds
        assert quotas.admit("ci", quota) == seconds, "a refused request does not count"
        clock.now += seconds
        assert quotas.admit("ci", quota) == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_unit_of_time_has_more_than_twice_the_limit(seed: int) -> None:
    drawn = random.Random(seed)
    limit, clock = drawn.choice([1, 3, 20]), Clock(drawn.uniform(0, 1e4))
    quotas, quota = Quotas(SharedNumbers(), clock), Quota(limit, "min")
    times: list[float] = []
    for _ in range(3000):
        clock.now += drawn.choice([0, 0, 0, 0.1, 1, 7, 40]) * drawn.random()
        if quotas.admit("ci", quota) == 0:
            times.append(clock.now)
    most = max(sum(start <= each < start + 60 for each in times) for start in times)
    assert limit <= most <= 2 * limit
    windows = [int(each // 60) for each in times]
    assert max(windows.count(each) for each in windows) <= limit


def test_a_changed_quota_takes_effect_at_once() -> None:
    clock = Clock(1000.0)
    quotas = Quotas(SharedNumbers(), clock)
    assert admitted(quotas, Quota(5, "min"), 9) == 5
    assert admitted(quotas, Quota(7, "min"), 9) == 2
    assert quotas.admit("ci", Quota(1, "min")) > 0
    assert admitted(quotas, Quota(MAX_LIMIT, "min"), 3) == 3
    assert admitted(quotas, Quota(4, "hour"), 9) == 4, "another unit is counted anew"


def test_a_machine_that_slept_long_admits_as_before() -> None:
    clock = Clock(1e6)
    quotas, quota = Quotas(SharedNumbers(), clock), Quota(3, "min")
    for _ in range(3):
        assert admitted(quotas, quota, 5) == 3
        clock.now += 1e5


def test_the_wall_clock_may_jump_as_it_likes(monkeypatch) -> None:
    quotas, quota = Quotas(SharedNumbers()), Quota(3, "day")
    assert admitted(quotas, quota, 2) == 2
    for now in (0.0, 4e9, -1.0):
        monkeypatch.setattr("time.time", lambda now=now: now)
        monkeypatch.setattr("time.time_ns", lambda now=now: int(now))
        assert admitted(quotas, quota, 2) == (1 if now == 0 else 0)


def run_in_workers(shared: SharedNumbers, clock: Clock, quota: Quota, indices: Iterable[int]):
    """Return how many of ten requests each worker has admitted, one worker after the other."""
    for index in indices:

        def work(index: int = index) -> None:
            shared.join(index)
            os._exit(admitted(Quotas(shared, clock), quota, 10))

        yield in_a_worker(work)


@pytest.mark.slow
def test_workers_share_a_quota_and_a_killed_one_leaves_its_counts() -> None:
    shared, clock, quota = SharedNumbers(4), Clock(), Quota(25, "min")
    assert list(run_in_workers(shared, clock, quota, range(4))) == [10, 10, 5, 0]
    clock.now = 600

    def admit_and_die() -> None:
        shared.join(1)
        admitted(Quotas(shared, clock), quota, 10)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_worker(admit_and_die) == -signal.SIGKILL
    assert list(run_in_workers(shared, clock, quota, [1, 0])) == [10, 5]


@pytest.mark.slow
def test_workers_at_the_same_time_go_over_a_quota_by_less_than_one_each() -> None:
    shared, quota, count = SharedNumbers(4), Quota(20000, "day"), 4
    clock = Clock(1e6)

    def work(index: int) -> None:
        shared.join(index)
        quotas = Quotas(shared, clock)
        while quotas.admit("ci", quota) == 0:
            pass

    pids = []
    for index in range(count):
        if (pid := os.fork()) == 0:
            try:
                work(index)
            finally:
                os._exit(0)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * count
    start = (int(clock.now // quota.seconds) + 2) * 2**24
    total = sum(max(n - start, 0) for each in shared.all() for n in each["ci", "day"])
    assert quota.limit <= total < quota.limit + count


def test_a_key_beyond_the_shared_memory_is_counted_by_each_worker(log: list[dict]) -> None:
    quotas = Quotas(SharedNumbers(1, 128), Clock())
    for name in ("a", "b", "c", "d"):
        assert sum(quotas.admit(name, Quota(3, "min")) == 0 for _ in range(5)) == 3
    assert [line["event"] for line in log] == [
        "no room for more quotas; each worker counts new ones alone"
    ]
