"""Trials of versions in processes of their own: real processes, which crash, hang and die."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.process.trial_server import _late
from tests.app.process.services import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forked"),
]
ROOT = Path(__file__).parents[3]

# Answers each line `folder digest` with the error of its trial, as JSON. What the trial of a
# folder does is in the name of the folder; each trial leaves a file.
WORKER = """
import json, os, signal, sys, time
from pathlib import Path
from threading import Thread
from app.errors import GoldenMismatch, InvalidBundle, OperatorError
from app.process.trial import Trials

def prove(folder, digest):
    (Path("tries") / f"{digest}-{os.getpid()}").touch()
    if folder.name == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if folder.name == "spin":
        while True:
            pass
    if folder.name == "sleep":
        time.sleep(1000)
    if folder.name == "differs":
        raise GoldenMismatch("one case differs " + "é" * 100_000)
    if folder.name == "missing":
        raise InvalidBundle("a file is missing")
    if folder.name == "surprise":
        raise OSError("the disk is away")
    if folder.name == "end-server":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)

def make_prove():
    if "never" in sys.argv:
        raise OSError("the disk is away")
    return prove

trials = Trials.start(make_prove, float(sys.argv[1]), 2)

def ask(line):
    folder, digest = line.split()
    try:
        trials(Path(folder), digest)
        answer = None
    except OperatorError as error:
        answer = [type(error).__name__, str(error)[:200]]
    # The line and its end in one text, because threads print side by side.
    print(json.dumps({"folder": folder, "error": answer}) + "\\n", end="", flush=True)

threads = []
for line in sys.stdin:
    threads.append(Thread(target=ask, args=(line,)))
    threads[-1].start()
    if "&" not in sys.argv:
        threads[-1].join()
"""


class Worker:
    """A process that asks for trials. At its end no process of its trials is left."""

    def __init__(self, folder: Path, seconds: float, *arguments: str) -> None:
        (folder / "tries").mkdir(exist_ok=True)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(seconds), *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def send(self, *lines: str) -> None:
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def answer(self) -> tuple[str, list[str] | None]:
        answer = json.loads(self.process.stdout.readline())
        return answer["folder"], answer["error"]

    def ask(self, folder: str, digest: str | None = None) -> list[str] | None:
        self.send(f"{folder} {digest or folder}")
        return self.answer()[1]

    def tries(self, digest: str) -> int:
        return len(list((self.folder / "tries").glob(f"{digest}-*")))

    def others(self) -> list[str]:
        """Return the names of the processes of this session but the worker."""
        return [name for _, name in self.other_processes()]

    def other_processes(self) -> list[tuple[int, str]]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                status = (entry / "stat").read_text()
            except OSError:  # it has ended
                continue
            name, fields = status.partition("(")[2].rpartition(")")[::2]
            if int(fields.split()[3]) == self.process.pid and fields.split()[0] != "Z":
                found.append((int(entry.name), name))
        return [(pid, name) for pid, name in found if pid != self.process.pid]


@contextmanager
def worker(folder: Path, seconds: float, *arguments: str) -> Iterator[Worker]:
    started = Worker(folder, seconds, *arguments)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        started.process.stdin.close()
        started.process.stdout.close()
    until(lambda: not started.others())


def test_each_content_is_tried_once_and_a_verdict_on_it_stays(tmp_path: Path) -> None:
    with worker(tmp_path, 60) as asking:
        for _ in range(2):
            assert asking.ask("good") is None
            kind, reason = asking.ask("crash")
            assert kind == "TrialFailed"
            assert "SIGSEGV" in reason and "not tried again until its content changes" in reason
            kind, reason = asking.ask("differs")
            assert (kind, reason[:16]) == ("GoldenMismatch", "one case differs")
        assert [asking.tries(name) for name in ("good", "crash", "differs")] == [1, 1, 1]
        assert asking.ask("crash", "another-content")[0] == "TrialFailed"
        assert asking.tries("another-content") == 1


def test_a_trial_that_failed_for_a_passing_reason_is_repeated(tmp_path: Path) -> None:
    with worker(tmp_path, 60) as asking:
        for count in (1, 2):
            assert asking.ask("missing") == ["InvalidBundle", "a file is missing"]
            assert asking.ask("surprise") == ["TrialUnavailable", "its trial failed: OSError"]
            assert [asking.tries(name) for name in ("missing", "surprise")] == [count, count]


def test_a_trial_that_does_not_end_is_ended_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    with worker(tmp_path, 1, "&") as asking:
        asking.send("spin spin", "spin spin", "sleep sleep", "good good")
        answers = dict([asking.answer() for _ in range(4)])
        assert answers["good"] is None
        assert "within 1 s" in answers["spin"][1]
        assert answers["sleep"] == ["TrialUnavailable", "its trial was not done within 1 s"]
        assert asking.tries("spin") == 1, "two asked for it"
        until(lambda: sorted(asking.others()) == ["thalamus-keeper", "thalamus-trials"])


@pytest.mark.parametrize(
    ("computed", "kind"), [(0.1, "TrialUnavailable"), (40.0, "TrialFailed"), (200.0, "TrialFailed")]
)
def test_a_late_trial_is_to_blame_if_it_has_computed(computed: float, kind: str) -> None:
    assert _late(60.0, computed)[0] == kind


def test_a_trial_server_that_dies_is_replaced(tmp_path: Path) -> None:
    with worker(tmp_path, 60) as asking:
        kind, reason = asking.ask("end-server")
        assert (kind, "has ended" in reason) == ("TrialUnavailable", True)
        assert asking.ask("good") is None


def test_a_trial_server_that_cannot_start_ends_with_its_worker(tmp_path: Path) -> None:
    with worker(tmp_path, 60, "never") as asking:
        until(lambda: "thalamus-trials" in asking.others())


def test_versions_load_without_a_trial_once_keeper_and_server_were_killed(tmp_path: Path) -> None:
    with worker(tmp_path, 60) as asking:
        assert asking.ask("good") is None
        for name in ("thalamus-keeper", "thalamus-trials"):
            [pid] = [pid for pid, each in asking.other_processes() if each == name]
            os.kill(pid, signal.SIGKILL)
        until(lambda: not asking.others())
        assert asking.ask("crash") is None
        assert asking.tries("crash") == 0


def test_trials_end_with_their_worker_and_not_by_a_signal(tmp_path: Path) -> None:
    with worker(tmp_path, 60, "&") as asking:
        asking.send("spin spin", "good good")
        assert asking.answer() == ("good", None)
        for number in (signal.SIGTERM, signal.SIGINT):
            for entry in Path("/proc").glob("[0-9]*"):
                if is_trial_process(entry, asking.process.pid):
                    os.kill(int(entry.name), number)
        asking.send("other other")
        assert asking.answer() == ("other", None)


def is_trial_process(entry: Path, session: int) -> bool:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[3]) == session != int(entry.name)
