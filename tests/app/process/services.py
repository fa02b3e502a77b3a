"""Services in processes of their own, with their log, for tests of what happens to processes."""

import http.client
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]


class Service:
    """A running service and what it has logged.

    command: the module to run and its arguments. files: the limit of its open files.
    """

    def __init__(self, *command: str, files: int | None = None, **settings: object) -> None:
        self.events: list[dict[str, Any]] = []
        self._clients = ExitStack()
        self.parent = subprocess.Popen(
            [sys.executable, "-m", *command],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {f"THALAMUS_{k.upper()}": str(v) for k, v in settings.items()},
            preexec_fn=files
            and partial(resource.setrlimit, resource.RLIMIT_NOFILE, (files, files)),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        address = r"running on http://(.*):(\d+)"
        until(lambda: any(re.match(address, each["event"]) for each in self.events))
        found = re.match(address, self.events[0]["event"])
        self.host, self.port = found[1].strip("[]"), int(found[2])
        self.url = self.events[0]["event"].removeprefix("running on ")

    def _read(self) -> None:
        for line in self.parent.stderr:
            self.events.append(json.loads(line))

    def wait_for(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the lines of an event when there are so many; fail after some seconds."""
        until(lambda: len(self.logged(event)) >= count)
        return self.logged(event)

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.url + path, timeout=20, **options)

    def pids(self, count: int) -> list[int]:
        """Return which workers answer so many clients, one connection each, all open at once."""
        with ExitStack() as stack:
            clients = [stack.enter_context(self.connect()) for _ in range(count)]
            return [int(client.ask("/pid").split()[0]) for client in clients]

    def connect(self) -> "Client":
        """Return a new connection, which is closed at the end of the service at the latest."""
        client = Client(self.host, self.port, timeout=20)
        client.connect()
        self._clients.callback(client.close)
        return client

    def is_ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def workers(self) -> list[int]:
        pid = self.parent.pid
        try:
            return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def signal(self, number: int) -> None:
        self.parent.send_signal(number)

    def wait(self) -> int:
        """Return the exit status when it has ended and its log is read; fail after some seconds."""
        status = self.parent.wait(20)
        self._reader.join(20)
        return status

    def end(self) -> None:
        self._clients.close()
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)
        self.parent.kill()
        self.parent.wait()
        self._reader.join()
        self.parent.stderr.close()


class Client(http.client.HTTPConnection):
    """One connection."""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, path: str) -> str:
        self.request("GET", path)
        return self.getresponse().read().decode()


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fail after some seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
