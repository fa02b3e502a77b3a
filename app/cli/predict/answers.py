"""What answers chunks of inputs, in whichever process or thread it is."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.cli.predict.inputs import Input


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of a chunk in order, how many inputs and errors they are of, and the seconds."""

    rows: bytes
    inputs: int
    errors: int
    seconds: float


Answers = Generator[Answered, None, None]  # of all chunks, in order


class Model(Protocol):
    """Answers chunks of inputs; an input that cannot be answered has a row with an error."""

    def answer(self, inputs: Sequence[Input]) -> Answered:
        """Answer one chunk; raise `OperatorError` where nothing can be answered."""
        ...
