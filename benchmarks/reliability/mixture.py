"""Requests of a soak: good, bad, abandoned and too large ones, chosen at random."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.reliability.client import HOST, Question
from benchmarks.reliability.generator import Streams, exchange

_GOOD, _BAD, _ABANDONED = 0.6, 0.2, 0.1  # shares; the rest is too large
_TIMEOUT = 40


@dataclass
class Mixture:
    """Clients that send a mixture of requests. `outcomes` counts by kind and status or error."""

    port: int
    questions: Sequence[Question]
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    @property
    def sent(self) -> int:
        """The number of requests until now."""
        return sum(self.outcomes.values())

    async def run(self, clients: int, seconds: float) -> None:
        """Let `clients` send requests for `seconds`, and close all connections."""
        ended = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(*(self._client(ended) for _ in range(clients)))

    async def _client(self, ended: float) -> None:
        streams: Streams | None = None
        while asyncio.get_running_loop().time() < ended:
            kind, wire = self._next()
            try:
                streams = streams or await asyncio.open_connection(HOST, self.port)
                if kind == "abandoned":
                    streams[1].write(wire)
                    outcome, closes = "left", True
                else:
                    async with asyncio.timeout(_TIMEOUT):
                        head = await exchange(*streams, wire)
                    outcome, closes = str(head.status), head.closes or kind == "too large"
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                outcome, closes = type(error).__name__, True
            self.outcomes[kind, outcome] += 1
            if closes and streams is not None:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    def _next(self) -> tuple[str, bytes]:
        question, share = self.chance.choice(self.questions), self.chance.random()
        if share < _GOOD:
            return "good", question.wire()
        if share < _GOOD + _BAD:
            return "bad", self._bad(question)
        if share < _GOOD + _BAD + _ABANDONED:
            return "abandoned", question.wire()[: self.chance.choice((20, 200, 2**30))]
        head = question.wire().partition(b"\r\n\r\n")[0]
        length = f"Content-Length: {len(question.body)}".encode()
        return "too large", head.replace(length, b"Content-Length: 999999999") + b"\r\n\r\n"

    def _bad(self, question: Question) -> bytes:
        """Damage the payload, or ask for what is not there; each time it is another thing."""
        number = self.chance.randrange(10**9)
        damaged = bytearray(question.body[: self.chance.randrange(1, len(question.body) + 1)])
        damaged[self.chance.randrange(len(damaged))] ^= 255
        chosen = self.chance.choice(
            (
                Question(question.path, bytes(damaged), question.media_type),
                Question(f"/v1/models/nothing{number}/classify", b"x", question.media_type),
                Question(question.path, b'{"instances": [NaN]}', "application/json"),
                Question(question.path, b"x", f"x/y{number}"),
                Question(f"{question.path}?unknown{number}=1", question.body, question.media_type),
            )
        )
        return chosen.wire()
