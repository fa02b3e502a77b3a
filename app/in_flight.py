"""What the workers of one service have in common: a folder, the cores, and how busy each is.

How many requests a worker is answering stands in memory that all of them share from before the
fork. Each writes its own number only, so nobody waits for anybody; what others wrote may be a
moment old.
"""

import mmap
from pathlib import Path


class Crew:
    """As many workers as `size`, of which this process becomes the `place`th by `join`."""

    def __init__(self, size: int = 1, cores: int = 1, folder: Path | None = None) -> None:
        self.cores, self.folder = cores, folder
        self._counts = memoryview(mmap.mmap(-1, 4 * size)).cast("i")
        self._place = 0

    def join(self, place: int) -> None:
        """Be the `place`th worker, from 0, who answers nothing yet."""
        self._place, self._counts[place] = place, 0

    def enter(self) -> None:
        """Note that this worker has begun to answer a request."""
        self._counts[self._place] += 1

    def leave(self) -> None:
        """Note that it has ended one."""
        self._counts[self._place] -= 1

    @property
    def own(self) -> int:
        """How many requests this worker is answering."""
        return self._counts[self._place]

    @property
    def alone(self) -> bool:
        """Whether one request at most is being answered, by whichever worker."""
        return sum(self._counts) <= 1
