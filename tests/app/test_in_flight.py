import os

import pytest

from app.in_flight import InFlight, Restarts


@pytest.mark.slow
def test_workers_see_each_others_requests() -> None:
    in_flight = InFlight(workers=2)
    in_flight.enter()
    assert in_flight.at_most_one
    if (pid := os.fork()) == 0:
        in_flight.join(1)
        in_flight.enter()
        os._exit(in_flight.own)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert in_flight.own == 1
    assert not in_flight.at_most_one


def test_a_restarted_worker_has_no_request_in_flight() -> None:
    in_flight = InFlight(workers=3)
    in_flight.join(2)
    in_flight.enter()
    in_flight.enter()
    assert not in_flight.at_most_one
    in_flight.join(2)
    assert in_flight.own == 0
    assert in_flight.at_most_one


def test_an_answered_request_is_not_counted() -> None:
    in_flight = InFlight()
    in_flight.enter()
    in_flight.leave()
    assert in_flight.own == 0


def test_the_requests_of_a_worker_that_died_are_forgotten() -> None:
    in_flight = InFlight(workers=2)
    in_flight.join(1)
    in_flight.enter()
    in_flight.enter()
    in_flight.clear(1)
    assert in_flight.at_most_one


@pytest.mark.slow
def test_all_processes_see_the_restarts() -> None:
    restarts = Restarts()
    assert restarts() == 0
    if (pid := os.fork()) == 0:
        restarts.add()
        restarts.add()
        os._exit(0)
    os.waitpid(pid, 0)
    assert restarts() == 2
