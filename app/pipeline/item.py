"""What can be asked of a model, and who asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from app.modalities import Payload
from app.outputs import Prediction, Reconstruction, Step

Answer = TypeVar("Answer")


class Wanted(Generic[Answer]):
    """What is wanted of an item; a model can give some of it, by its task and its outputs."""

    __slots__ = ()
    verb: ClassVar[str]
    explain = False  # whether the graph is to compute what only explanations need


@dataclass(frozen=True, slots=True)
class Classes(Wanted[Prediction]):
    """The `top_k` labels, and with `explain` what led to them, where the model can say."""

    verb: ClassVar[str] = "classify"
    top_k: int = 5
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Features(Wanted[tuple[float, ...]]):
    """What the network made of an item before its last layer."""

    verb: ClassVar[str] = "embed"


@dataclass(frozen=True, slots=True)
class Rebuilt(Wanted[Reconstruction]):
    """The item as an autoencoder sees it."""

    verb: ClassVar[str] = "reconstruct"


@dataclass(frozen=True, slots=True)
class NextWord(Wanted[Step]):
    """What comes after the words of an item."""

    verb: ClassVar[str] = "complete"


CLASSES = Classes()


@dataclass(slots=True)
class Asker:
    """Who asked; set `left` when nobody waits for the answer any more."""

    left: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A payload, what is wanted of it, and which of its asker's items it is."""

    payload: Payload
    wanted: Wanted[Any] = CLASSES
    index: int | None = None
    asker: Asker = field(default_factory=Asker)


def ask(
    payloads: Sequence[Payload], wanted: Wanted[Any] = CLASSES, asker: Asker | None = None
) -> list[Question]:
    """Return one question a payload, all of one asker; several know their places."""
    asker, several = asker or Asker(), len(payloads) > 1
    return [
        Question(payload, wanted, index if several else None, asker)
        for index, payload in enumerate(payloads)
    ]
