"""One or several workers, and the process that looks after them.

One process cannot use more than one core for what Python does, and is at its best with one thread
for each session. The supervisor has no models, no threads and no sessions. Workers are forked, so
that the modules they import are in memory once. When the supervisor dies, they answer what they
have, and end. It never waits for one thing, and promises:

- A worker whose event loop gives no sign of life for `watchdog` seconds is killed, after the stacks
  of its threads are in the log, and replaced. Time in which the supervisor itself did not run does
  not count: then the machine was suspended, or busy with others.
- A worker that died is replaced: at once, or after a growing pause if it was never ready.
- SIGTERM ends the service within `lame_duck` + `deadline` + 5 seconds whatever the workers do,
  SIGINT without the lame duck, a second one of either at once. During the lame duck `/readyz` says
  503, every answer closes its connection, and whoever still connects is answered.
- SIGHUP replaces the workers one after another: each ends when its successor is ready. SIGUSR1 logs
  the stacks of all workers. Neither ends the service.
"""

import logging
import signal
import socket
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from app.process.dispatcher import Dispatcher
from app.process.loop import Loop
from app.process.policy import DUMP, GRACE, SupervisorPolicy
from app.process.worker_process import HANDLED, RunWorker, WorkerProcess, ended_processes
from app.telemetry import event

_START = 120.0  # seconds within which the event loop of a new worker must run
_SAME_SIGNAL = 0.1  # seconds; `timeout` and process managers may send a signal twice
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds before a worker that died young is replaced


class Supervisor:
    """Serves `listener` by workers, each of which is `run_worker`.

    A worker's index is below twice the number of workers: while one is being replaced, its
    successor has the other one of the two that are equal modulo that number. on_end: called with
    the index of each worker that has ended, and whether it is replaced because it died.
    """

    def __init__(
        self,
        listener: socket.socket,
        policy: SupervisorPolicy,
        run_worker: RunWorker,
        on_end: Callable[[int, bool], None] = lambda index, replaced: None,
    ) -> None:
        self._policy, self._run_worker, self._on_end = policy, run_worker, on_end
        self._workers: list[WorkerProcess] = []
        self._loop = Loop()
        self._dispatcher = Dispatcher(
            listener, self._workers, self._loop, 3 * policy.beat, policy.capacity
        )
        self._young_deaths: dict[int, int] = defaultdict(int)  # in a row, by index
        self._outdated: list[WorkerProcess] = []  # which SIGHUP has still to replace
        self._complete = False  # all workers have been ready at the same time
        self._stop_asked = 0.0  # when the first signal to stop came
        self._killed = False

    def run(self) -> bool:
        """Return after a signal, when every worker has ended; False if one had to be killed."""
        self._wake, self._alarm = socket.socketpair()
        for end in (self._wake, self._alarm):
            end.setblocking(False)
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup's
                signal.signal(number, lambda *_: None)  # the wake-up socket reports it
        self._loop.watch(self._wake, self._on_signals)
        self._dispatcher.start()
        for index in range(self._policy.workers):
            self._start(index)
        self._looked = time.monotonic()
        self._loop.after(self._policy.look, self._look)
        while self._workers or not self._stop_asked:
            self._loop.turn()
        event("stopped", clean=not self._killed)
        return not self._killed

    def _on_signals(self) -> None:
        for number in self._wake.recv(4096):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._on_stop(number)
            elif number == signal.SIGHUP:
                self._replace_all()
            elif number == signal.SIGUSR1:
                for worker in self._workers:
                    worker.signal(signal.SIGUSR1)
        self._bury_the_dead()

    # Watching

    def _look(self) -> None:
        """Look for workers that are silent or dead, again and again."""
        now = time.monotonic()
        late = now - self._looked - self._policy.look
        self._looked = now
        self._loop.after(self._policy.look, self._look)
        self._bury_the_dead()
        for worker in self._workers:
            if late > self._policy.beat:  # nobody listened to them for as long
                worker.heard += late
            silent = now - worker.heard
            limit = self._policy.longest_silence if worker.reported else _START
            if silent > limit and worker.suspected != worker.heard:
                worker.suspected = worker.heard
                worker.signal(signal.SIGUSR1)
                self._loop.after(DUMP, partial(self._give_up, worker, worker.heard))

    def _give_up(self, worker: WorkerProcess, heard: float) -> None:
        """Kill a worker that should have written its stacks, unless it was heard meanwhile."""
        if worker not in self._workers or worker.heard > heard or worker.reason:
            return
        silent = round(time.monotonic() - worker.heard, 1)
        state = "stopped by a signal or a debugger" if worker.is_stopped() else "blocked"
        self._log_stacks(worker, "worker is silent", state=state, seconds=silent)
        self._kill(worker, f"silent for {silent} s")

    def _log_stacks(self, worker: WorkerProcess, message: str, **fields: object) -> None:
        stacks = worker.take_dump() or "none were written"
        event(message, logging.ERROR, pid=worker.pid, **fields, stacks=stacks)

    def _on_dump(self, worker: WorkerProcess) -> None:
        first = not worker.dump
        if not worker.read_dump():  # the process is gone
            self._loop.unwatch(worker.dumps)
        elif first:
            self._loop.after(2 * DUMP, partial(self._log_dump, worker))

    def _log_dump(self, worker: WorkerProcess) -> None:
        if worker.dump:  # it was not for a log line of this process
            self._log_stacks(worker, "stacks of a worker")

    def _on_report(self, worker: WorkerProcess) -> None:
        was_ready = worker.report.ready
        if not worker.read_report():
            return self._loop.unwatch(worker.channel)  # it is ending
        if worker.report.ready and not was_ready:
            self._young_deaths[worker.index % self._policy.workers] = 0
            self._on_ready(worker)
        if self._complete and worker.report.ready:
            worker.admit()
        if worker.report.draining and not worker.retiring:  # somebody else sent it SIGTERM
            if worker.replaces is None or worker.replaces.retiring:  # else the old one goes on
                self._start(self._other_index(worker)).replaces = worker
            self._retire(worker, self._policy.lame_duck)
        return None

    def _on_ready(self, worker: WorkerProcess) -> None:
        serving = [each for each in self._workers if not each.retiring]
        ready = all(each.report.ready for each in serving)
        if ready and len(serving) >= self._policy.workers and not self._complete:
            self._complete = True
            for each in serving:
                each.admit()
        old = worker.replaces
        if old is None:
            self._replace_next()
        elif worker.report.failed <= old.report.failed or old.retiring:
            self._retire(old, self._policy.lame_duck)
        else:
            worker.replaces = None
            self._retire(worker, 0.0)
            self._give_up_replacing("the new worker cannot load a version that the old one could")

    def _give_up_replacing(self, reason: str) -> None:
        self._outdated.clear()
        event("replacing workers given up", logging.ERROR, reason=reason)

    # Starting and ending workers

    def _start(self, index: int) -> WorkerProcess:
        worker = WorkerProcess(index, self._run_worker, self._close_all)
        self._workers.append(worker)
        self._loop.watch(worker.channel, partial(self._on_report, worker))
        self._loop.watch(worker.dumps, partial(self._on_dump, worker))
        return worker

    def _close_all(self) -> None:
        """Close, in a worker, what belongs to the supervisor and to the other workers."""
        self._loop.close()
        self._dispatcher.close()
        self._wake.close()
        self._alarm.close()
        for worker in self._workers:
            worker.close()

    def _start_again(self, index: int) -> None:
        if not self._stop_asked:
            self._start(index)

    def _other_index(self, worker: WorkerProcess) -> int:
        return (worker.index + self._policy.workers) % (2 * self._policy.workers)

    def _retire(self, worker: WorkerProcess, lame_duck: float) -> None:
        """Ask a worker to end: to answer for so long what comes, and then what has come."""
        if not worker.retiring:
            worker.retiring = True
            worker.signal(signal.SIGTERM)
        self._loop.after(lame_duck, worker.send_no_more)
        patience = self._policy.deadline if worker.reported else 0.0  # it had not begun to serve
        self._loop.after(
            lame_duck + patience + GRACE, partial(self._kill, worker, "did not end in time")
        )

    def _kill(self, worker: WorkerProcess, reason: str) -> None:
        if worker in self._workers:
            self._killed = self._killed or bool(self._stop_asked)
            worker.kill(reason)

    def _bury_the_dead(self) -> None:
        for pid, code in ended_processes():
            for worker in [each for each in self._workers if each.pid == pid]:
                self._bury(worker, code)

    def _bury(self, worker: WorkerProcess, code: int) -> None:
        """Clear away what a dead worker leaves, and replace it if it should be alive."""
        self._workers.remove(worker)
        for source in (worker.channel, worker.dumps):
            self._loop.unwatch(source)
        for connection in worker.unreceived():
            with connection:
                self._dispatcher.pass_on(connection)
        expected = worker.retiring and code == 0
        if not expected:
            fields = {"reason": worker.reason} if worker.reason else {}
            if stacks := worker.take_dump():
                fields["stacks"] = stacks
            event("worker died", logging.ERROR, pid=worker.pid, status=code, **fields)
        worker.close()
        successor = next((each for each in self._workers if each.replaces is worker), None)
        replaced = not (self._stop_asked or worker.retiring or successor or worker.replaces)
        self._on_end(worker.index, replaced)
        if replaced:
            self._loop.after(self._pause(worker), partial(self._start_again, worker.index))
        elif successor is not None:
            successor.replaces = None
            if successor.report.ready:
                self._replace_next()
        elif worker.replaces is not None:
            self._give_up_replacing("the new worker died")

    def _pause(self, worker: WorkerProcess) -> float:
        """Return how long to wait before a dead worker is replaced, in seconds."""
        if worker.report.ready:
            return 0.0
        self._young_deaths[worker.index % self._policy.workers] += 1
        deaths = self._young_deaths[worker.index % self._policy.workers]
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(deaths - 1, 10))

    # Signals

    def _on_stop(self, number: int) -> None:
        now = time.monotonic()
        if not self._stop_asked:
            self._stop_asked = now
            ready = any(worker.report.ready for worker in self._workers)
            lame_duck = self._policy.lame_duck if ready and number == signal.SIGTERM else 0.0
            event("stop requested", signal=signal.Signals(number).name, lame_duck=lame_duck)
            self._dispatcher.stop(lame_duck)
            for worker in self._workers:
                self._retire(worker, lame_duck)
        elif now - self._stop_asked > _SAME_SIGNAL:
            for worker in self._workers:
                self._kill(worker, "a second signal asked to stop at once")

    def _replace_all(self) -> None:
        """Begin to replace every worker, one after another."""
        if self._stop_asked:
            return
        if self._outdated or any(each.replaces for each in self._workers):
            event("still replacing workers; the signal changes nothing", signal="SIGHUP")
            return
        event("replacing all workers", signal="SIGHUP")
        self._outdated = [worker for worker in self._workers if not worker.retiring]
        self._replace_next()

    def _replace_next(self) -> None:
        while self._outdated and not self._stop_asked:
            worker = self._outdated.pop(0)
            if worker in self._workers and not worker.retiring:
                self._start(self._other_index(worker)).replaces = worker
                return
