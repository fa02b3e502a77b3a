"""How fast items are answered, and what follows from it for the next batch."""

from dataclasses import dataclass

_MEMORY = 0.2  # weight of the latest batch in the running mean of an item's seconds
_FEW = 4  # items that must fit into `inline_seconds`


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one queue: counts of items, seconds of a batch, batches at a time."""

    max_batch: int = 32
    max_queue: int = 2048
    batch_seconds: float = 0.05  # so long may a batch let the next ones wait
    inline_seconds: float = 0.005  # so long may a batch hold up the event loop
    lanes: int = 1  # more only where one batch can be prepared while a device runs another


@dataclass(slots=True)
class Pace:
    """How long an item takes, learnt with every batch, and how many may therefore run together."""

    bounds: Bounds
    seconds: float = 0.0  # that an item takes; 0 until measured

    def learn(self, items: int, seconds: float) -> None:
        """Note that a batch of so many items took so many seconds."""
        latest = seconds / items
        self.seconds += (_MEMORY if self.seconds else 1.0) * (latest - self.seconds)

    @property
    def quick(self) -> bool:
        """Whether several items are over before a thread would have begun to pay."""
        return 0 < self.seconds * _FEW <= self.bounds.inline_seconds

    @property
    def allowed(self) -> float:
        """How many seconds the next batch may take."""
        return self.bounds.inline_seconds if self.quick else self.bounds.batch_seconds

    @property
    def most(self) -> int:
        """How many items may form the next batch."""
        if not self.seconds:
            return self.bounds.max_batch
        return max(1, min(self.bounds.max_batch, int(self.allowed / self.seconds)))
