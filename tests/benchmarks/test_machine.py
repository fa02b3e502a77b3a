"""Processes and what they use, from /proc."""

import os
import secrets
import subprocess
import sys
import time

from benchmarks import machine


def test_a_process_and_its_descendants_are_counted() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    while len(machine.tree(child.pid)) < 2:
        assert child.poll() is None
        time.sleep(0.01)
    assert machine.memory(child.pid) > 2**20
    assert set(machine.tree(child.pid)) < set(machine.tree(os.getpid()))
    child.communicate(b"\n")


def test_own_work_is_not_foreign() -> None:
    before = machine.usage()
    while machine.usage().ours - before.ours < 0.1:
        sum(range(10_000))
    after = machine.usage()
    assert after.all - before.all >= after.ours - before.ours - 0.05


def test_short_work_is_counted_too() -> None:
    before = machine.awake(os.getpid())
    sum(range(100_000))  # less than a tick of the clock
    assert 0 < machine.awake(os.getpid()) - before < 10


def test_the_machine_has_a_name() -> None:
    assert "cores" in machine.describe()


def test_processes_are_found_by_what_they_were_started_with() -> None:
    token = secrets.token_hex(16)
    given = {**os.environ, "TOKEN_OF_A_TEST": token}
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, env=given) as process:
        assert machine.with_environment("TOKEN_OF_A_TEST", token) == [process.pid]
        assert machine.with_environment("TOKEN_OF_A_TEST", token[:-1]) == []
        process.communicate(b"\n")
    assert machine.with_environment("TOKEN_OF_A_TEST", token) == []
