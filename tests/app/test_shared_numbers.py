import os
import signal
from collections.abc import Callable

import pytest

from app.shared_numbers import SharedNumbers

KEY = ("requests", "digits")


def in_a_worker(work: Callable[[], None]) -> int:
    """Run `work` in a forked process, and return its exit code, negative for a signal."""
    if (pid := os.fork()) == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def values(shared: SharedNumbers) -> list[dict]:
    return [{key: list(numbers) for key, numbers in each.items()} for each in shared.all()]


@pytest.mark.slow
def test_counts_of_one_worker_are_seen_by_another() -> None:
    shared = SharedNumbers(2)

    def count() -> None:
        shared.join(1)
        shared.own(KEY, 2)[1] += 7

    shared.own(("first",), 1)[0] = 1
    assert in_a_worker(count) == 0
    assert values(shared) == [{("first",): [1]}, {KEY: [0, 7]}]


@pytest.mark.slow
def test_numbers_of_a_killed_worker_stay_and_its_successor_continues_them() -> None:
    shared = SharedNumbers(2)

    def count_and_die() -> None:
        shared.join(1)
        shared.own(KEY, 1)[0] += 3
        os.kill(os.getpid(), signal.SIGKILL)

    def continue_and_add() -> None:
        shared.join(1)
        shared.own(KEY, 1)[0] += 1
        shared.own(("other",), 1)[0] += 1

    assert in_a_worker(count_and_die) == -signal.SIGKILL
    assert values(shared)[1] == {KEY: [3]}
    assert in_a_worker(continue_and_add) == 0
    assert values(shared)[1] == {KEY: [4], ("other",): [1]}


def test_a_key_has_the_same_numbers_each_time() -> None:
    shared = SharedNumbers()
    numbers = shared.own(KEY, 3)
    numbers[2] += 1.5
    assert list(shared.own(KEY, 3)) == [0, 0, 1.5]
    assert shared.entries().keys() == {KEY}


def test_keys_of_every_length_are_read_back() -> None:
    shared = SharedNumbers(2)
    keys = [("é" * length, str(count)) for length in range(20) for count in (1, 4)]
    for place, key in enumerate(keys):
        shared.own(key, int(key[1]))[0] = place
    shared.join(1)  # reads the first region from its bytes
    assert [[key, numbers[0]] for key, numbers in next(iter(shared.all())).items()] == [
        [key, place] for place, key in enumerate(keys)
    ]


def test_entries_beyond_the_shared_region_are_counted_by_their_worker_alone() -> None:
    shared = SharedNumbers(2, region=128)
    shared.own(KEY, 2)[0] = 1
    assert not shared.full
    large, small = ("large",), ("s",)
    shared.own(large, 20)[19] += 5
    assert shared.full
    shared.own(large, 20)[19] += 5
    shared.own(small, 1)[0] = 2
    assert shared.entries().keys() == {KEY, large, small}
    assert shared.entries()[large][19] == 10
    shared.join(1)
    assert not shared.full
    assert values(shared) == [{KEY: [1, 0], small: [2]}, {}]


def test_an_entry_that_has_not_arrived_whole_is_not_read() -> None:
    shared = SharedNumbers(2)
    shared.own(KEY, 1)[0] = 1
    shared.own(("later",), 1)[0] = 2
    memory = shared._regions[0]._memory
    place = bytes(memory).index(b"later")
    memory[place] = ord("L")
    other = SharedNumbers(2)
    other._regions[0]._memory[:] = memory
    assert values(other)[0] == {KEY: [1]}
    other._regions[0]._memory[place] = ord("l")
    assert values(other)[0] == {KEY: [1], ("later",): [2]}


@pytest.mark.slow
def test_a_reader_never_sees_half_an_entry() -> None:
    """A worker appends as fast as it can while another reads."""
    shared = SharedNumbers(2)

    def append() -> None:
        shared.join(1)
        for place in range(3000):
            shared.own((f"key {place}", "x" * (place % 40)), 3)

    if (pid := os.fork()) == 0:
        append()
        os._exit(0)
    while len(found := values(shared)[1]) < 3000:
        assert list(found) == [(f"key {n}", "x" * (n % 40)) for n in range(len(found))]
        assert all(numbers == [0, 0, 0] for numbers in found.values())
    assert os.waitpid(pid, 0)[1] == 0
