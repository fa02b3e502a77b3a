"""uvicorn's server, which sleeps while nobody asks it anything."""

import asyncio
from types import FrameType

import uvicorn

REST = 1.0  # seconds between looks at the clock


class Server(uvicorn.Server):
    """Looks at the clock once a second, for the Date header; uvicorn does ten times."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Return soon after `stop` or a signal."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(REST):
                    await self._told.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Finish what was begun, and end."""
        self.should_exit = True
        self._told.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal, in whatever the main thread is doing."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)
