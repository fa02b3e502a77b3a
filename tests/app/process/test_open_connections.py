"""The one timer of all connections, on a clock of the test."""

import asyncio

import pytest

from app.process.open_connections import NEVER, ConnectionLimits, OpenConnections

TICK = ConnectionLimits().tick


class Clock(asyncio.AbstractEventLoop):
    """A loop that only has a clock and one timer."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, []

    def time(self) -> float:
        return self.now

    def call_later(self, delay, callback, *given) -> None:
        self.timers.append((self.now + delay, callback, given))

    def run(self, until: float) -> None:
        """Let every timer run in time."""
        while self.timers and self.timers[0][0] <= until:
            self.now, callback, given = self.timers.pop(0)
            callback(*given)
        self.now = until


class Connected:
    """A connection that notes when it was looked at."""

    def __init__(self, clock: Clock, all_open: set, deadline: float, waiting_since=NEVER) -> None:
        self.clock, self.all_open, self.deadline = clock, all_open, deadline
        self.waiting_since = waiting_since
        self.looked_at: list[float] = []
        all_open.add(self)

    def on_deadline(self, now: float) -> None:
        assert now == self.clock.now
        self.looked_at.append(now)

    def end(self) -> None:
        self.waiting_since = NEVER
        self.all_open.discard(self)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock, **limits) -> tuple[OpenConnections, set]:
    return OpenConnections(ConnectionLimits(**limits)), set()


def test_a_deadline_is_enforced_once_and_within_a_tick(clock: Clock) -> None:
    connections, all_open = opened(clock)
    early, late, never = (Connected(clock, all_open, when) for when in (1.1, 7, NEVER))
    assert connections.opened(all_open, clock)
    clock.run(until=20)
    assert 1.1 <= early.looked_at[0] <= 1.1 + TICK
    assert [len(each.looked_at) for each in (early, late, never)] == [1, 1, 0]


def test_the_timer_ends_with_the_last_connection_and_starts_with_the_next(clock: Clock) -> None:
    connections, all_open = opened(clock)
    for _ in range(2):
        one = Connected(clock, all_open, NEVER)
        connections.opened(all_open, clock)
        connections.opened(all_open, clock)
        assert len(clock.timers) == 1
        one.end()
        clock.run(until=clock.now + 9)
        assert clock.timers == []


def test_what_arrived_while_the_loop_was_blocked_is_read_first(clock: Clock) -> None:
    connections, all_open = opened(clock)
    one = Connected(clock, all_open, 5)
    connections.opened(all_open, clock)
    _, callback, given = clock.timers.pop()
    clock.now = 60.0  # blocked for a minute
    callback(*given)
    assert one.looked_at == []
    _, callback, given = clock.timers.pop()
    clock.now = 120.0  # again; a loop that is always late must not keep everybody
    callback(*given)
    assert one.looked_at == [120.0]


def test_an_error_at_one_connection_does_not_stop_the_timer(clock: Clock) -> None:
    connections, all_open = opened(clock)
    bad = Connected(clock, all_open, 1)
    bad.on_deadline = lambda _: 1 // 0
    connections.opened(all_open, clock)
    with pytest.raises(ZeroDivisionError):
        clock.run(until=2)
    good = Connected(clock, all_open, 3)
    clock.run(until=9)
    assert len(good.looked_at) == 1


def test_those_that_wait_longest_make_room(clock: Clock) -> None:
    connections, all_open = opened(clock, connections=64)
    kept = [Connected(clock, all_open, NEVER, waiting_since=-float(age)) for age in range(1, 65)]
    busy = [Connected(clock, all_open, NEVER) for _ in range(3)]
    for new in busy:
        all_open.discard(new)
    for new in busy:
        all_open.add(new)
        assert connections.opened(all_open, clock)
    gone = [each for each in kept if each not in all_open]
    assert gone == kept[-3:]  # one thirty-second of them at a time, and one
    assert not connections.crowded


def test_one_that_waits_for_less_than_a_tick_is_spared(clock: Clock) -> None:
    connections, all_open = opened(clock, connections=1)
    Connected(clock, all_open, NEVER, waiting_since=0)
    Connected(clock, all_open, NEVER)
    clock.now = TICK / 2
    assert not connections.opened(all_open, clock)
    clock.now = 2 * TICK
    assert connections.opened(all_open, clock)


def test_too_many_refusals_are_a_crowd(clock: Clock) -> None:
    connections, all_open = opened(clock, connections=8)
    for _ in range(11):
        Connected(clock, all_open, NEVER)
        connections.opened(all_open, clock)
    assert connections.crowded
