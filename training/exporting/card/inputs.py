"""What a card says and shows of the inputs of a modality; see `training.modalities`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.bundle import Manifest
from training.exporting.card.maps import Shown


def any_item(spec: Any) -> str:
    """Return what is said of inputs that have no phrase of their own."""
    return f"an item of the kind {spec.modality}"


def no_picture(items: Sequence[Shown], manifest: Manifest) -> None:
    """Draw nothing."""


def no_parts(explanation: Any) -> str:
    """Write nothing."""
    return ""


@dataclass(frozen=True, slots=True)
class InputCard:
    """The part of a card that depends on the modality.

    reads: of an encoder's specification, a phrase that says what the model reads. most: the number
    of examples. draw: of examples and the manifest, a JPEG of what the model reads with the map of
    what led to each answer; None where there is nothing to draw. caption: what is drawn of each
    example. parts: of one answer's explanation, Markdown of the parts that led to the answer.
    """

    reads: Callable[[Any], str] = any_item
    most: int = 5
    draw: Callable[[Sequence[Shown], Manifest], bytes | None] = no_picture
    caption: str = ""
    parts: Callable[[Any], str] = no_parts
