"""A service without models; its supervisor, workers and connections are real.

Usage: python -m tests.app.process.small_service FOLDER; settings come from the environment. Paths:
/pid, /readyz, /slow (answered after a second), /block (blocks the event loop), /exhaust (takes all
descriptors) and /release. Where FOLDER holds a file `young`, workers that start die at once; where
it holds `loading`, they do not become ready; where it holds `poor`, those that start cannot load
a version.
"""

import asyncio
import os
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from app.in_flight import WorkerGroup
from app.process.serve import serve
from app.settings import Settings


class SmallService:
    def __init__(self, folder: Path, group: WorkerGroup) -> None:
        self._folder, self._group = folder, group
        self._taken: list[int] = []
        self.state = SimpleNamespace(catalog=self)
        self.failed = int((folder / "poor").exists())

    @property
    def ready(self) -> bool:
        return not (self._folder / "loading").exists()

    def prove(self, folder: Path, digest: str) -> None:
        """Pass every version: there is none."""

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
            return
        status, body = 200, f"{os.getpid()} {self._group.restarts()}"
        match scope["path"]:
            case "/readyz":
                ready = self._group.all_ready() and self.ready and not self._group.stopping()
                status = 200 if ready else 503
            case "/slow":
                await asyncio.sleep(1)
            case "/block":
                block_the_loop()
            case "/exhaust":
                with suppress(OSError):
                    while True:
                        self._taken.append(os.dup(0))
            case "/release":
                while self._taken:
                    os.close(self._taken.pop())
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})


def block_the_loop() -> None:
    time.sleep(3600)


def create_app(folder: Path, _settings: Settings, group: WorkerGroup) -> SmallService:
    if (folder / "young").exists():
        raise SystemExit(7)
    return SmallService(folder, group)


if __name__ == "__main__":
    given = Path(sys.argv[1])
    serve(Settings(models=given, port=0, device="cpu"), partial(create_app, given))
