"""How long the supervisor waits for what."""

from dataclasses import dataclass

GRACE = 5.0  # seconds beyond a deadline after which a worker that is left is killed
DUMP = 0.5  # seconds for the stacks of a silent worker to be written


@dataclass(frozen=True, slots=True)
class SupervisorPolicy:
    """How many workers there are, and how long the supervisor waits, in seconds.

    watchdog: for a sign of life of a worker. lame_duck: from SIGTERM until the port is closed.
    deadline: for the answers that are in flight then. capacity: connections of one worker.
    """

    workers: int
    watchdog: float = 6.0
    lame_duck: float = 2.0
    deadline: float = 30.0
    capacity: int = 2**31

    @property
    def beat(self) -> float:
        """Seconds between two reports of a worker."""
        return min(1.0, self.watchdog / 6)

    @property
    def look(self) -> float:
        """Seconds between two looks at the workers."""
        return self.beat / 2

    @property
    def longest_silence(self) -> float:
        """Seconds of silence after which the stacks are asked for, so as to end by `watchdog`."""
        return max(self.watchdog / 2, self.watchdog - DUMP - self.look)

    @property
    def longest_stop(self) -> float:
        """Seconds from SIGTERM until the last worker has ended or was killed."""
        return self.lame_duck + self.deadline + GRACE
