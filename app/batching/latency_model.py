"""How long a batch takes, learned from every batch, and how many items the next one may have."""

from dataclasses import dataclass, field

from app.batching.memory_budget import MemoryBudget

_LATEST = 0.1  # weight of the latest batch in the running means
_SEVERAL = 4  # items that must fit into `inline_seconds` for a batch to run inline
_MIN_VARIANCE = 0.1  # of the batch sizes, in items²; below it a slope cannot be estimated


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """The limits of one queue and of its batches.

    max_batch, max_queue: items. max_queue_seconds: how long an item may wait, see
    `app.batching.queue_limit`. batch_seconds: the longest that a batch may make the next ones
    wait. inline_seconds: the longest that a batch may block the event loop; 0 sends every batch to
    a thread. max_concurrent_batches: more than 1 only where one batch can be prepared while a
    device runs another. long_item_threads: how many long items run at once, beside the batches.
    memory: what decoding may take, often together with other models; by default any amount.
    """

    max_batch: int = 32
    max_queue: int = 2048
    batch_seconds: float = 0.05
    inline_seconds: float = 0.005
    max_concurrent_batches: int = 1
    max_queue_seconds: float = 1.0
    long_item_threads: int = 4
    memory: MemoryBudget = field(default_factory=MemoryBudget)


@dataclass(slots=True)
class LatencyModel:
    """Seconds of a batch as a linear function of its items: an offset and a slope.

    Both are estimated by least squares over batches of different sizes, with exponentially
    decreasing weights. As long as all batches had one size, a batch of two is tried: nothing else
    shows whether batching pays.
    """

    policy: BatchingPolicy
    item_seconds: float = 0.0  # of an item, its share of the offset included; 0 until measured
    _items: float = 0.0  # running means of size, seconds, size² and size × seconds
    _seconds: float = 0.0
    _squares: float = 0.0
    _products: float = 0.0

    def observe(self, items: int, seconds: float) -> None:
        """Learn that a batch of so many items took so many seconds."""
        weight = _LATEST if self.item_seconds else 1.0
        self.item_seconds += weight * (seconds / items - self.item_seconds)
        self._items += weight * (items - self._items)
        self._seconds += weight * (seconds - self._seconds)
        self._squares += weight * (items * items - self._squares)
        self._products += weight * (items * seconds - self._products)

    @property
    def is_fast(self) -> bool:
        """Whether several items take less than `inline_seconds`: a thread would only cost time."""
        return 0 < self.item_seconds * _SEVERAL <= self.policy.inline_seconds

    @property
    def max_seconds(self) -> float:
        """The longest that the next batch may take."""
        return self.policy.inline_seconds if self.is_fast else self.policy.batch_seconds

    @property
    def max_items(self) -> int:
        """The most items that the next batch may have; at least 1."""
        if not self.item_seconds:
            return self.policy.max_batch
        variance = self._squares - self._items**2
        if variance < _MIN_VARIANCE:
            fitting = max(2, int(self.max_seconds / self.item_seconds))
        else:
            slope = (self._products - self._items * self._seconds) / variance
            # Noise must not make items free, nor dearer than with the whole offset on them.
            slope = min(max(slope, 0.02 * self.item_seconds), self.item_seconds)
            fitting = int((self.max_seconds - (self._seconds - slope * self._items)) / slope)
        return max(1, min(self.policy.max_batch, fitting))
