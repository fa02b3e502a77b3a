import os

from app.in_flight import Crew


def test_workers_know_of_each_other() -> None:
    crew = Crew(size=2)
    crew.enter()
    assert crew.alone
    if (pid := os.fork()) == 0:
        crew.join(1)
        crew.enter()
        os._exit(crew.own)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert crew.own == 1
    assert not crew.alone


def test_a_worker_that_is_started_again_answers_nothing_yet() -> None:
    crew = Crew(size=3)
    crew.join(2)
    crew.enter()
    crew.enter()
    assert not crew.alone
    crew.join(2)
    assert crew.own == 0
    assert crew.alone


def test_who_leaves_is_not_counted() -> None:
    crew = Crew()
    crew.enter()
    crew.leave()
    assert crew.own == 0
