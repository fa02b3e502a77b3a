"""How fast items are answered, and what follows from it for the next batch."""

from dataclasses import dataclass

_MEMORY = 0.1  # weight of the latest batch in the running means
_FEW = 4  # items that must fit into `inline_seconds`
_VARIED = 0.1  # variance of the batches' sizes, in items², from which a slope can be told


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
    """How long batches take, learnt with every one, and how many items may therefore be in one.

    A batch takes a while for itself and a while for each item; the two are told apart by least
    squares over batches of different sizes, the latest counting most. As long as all were of one
    size, a batch of two is tried: only so is it found out that batching pays.
    """

    bounds: Bounds
    seconds: float = 0.0  # that an item takes, its share of the batch included; 0 until measured
    _items: float = 0.0  # running means of size, seconds, size² and size × seconds
    _spent: float = 0.0
    _squares: float = 0.0
    _products: float = 0.0

    def learn(self, items: int, seconds: float) -> None:
        """Note that a batch of so many items took so many seconds."""
        weight = _MEMORY if self.seconds else 1.0
        self.seconds += weight * (seconds / items - self.seconds)
        self._items += weight * (items - self._items)
        self._spent += weight * (seconds - self._spent)
        self._squares += weight * (items * items - self._squares)
        self._products += weight * (items * seconds - self._products)

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
        variance = self._squares - self._items**2
        if variance < _VARIED:
            fitting = max(2, int(self.allowed / self.seconds))
        else:
            slope = (self._products - self._items * self._spent) / variance
            # Noise must not make items free, nor cost more than they do with all that is theirs.
            slope = min(max(slope, 0.02 * self.seconds), self.seconds)
            fitting = int((self.allowed - (self._spent - slope * self._items)) / slope)
        return max(1, min(self.bounds.max_batch, fitting))
