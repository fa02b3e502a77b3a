"""The explanation of a text's label: how much each token contributed."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict

from app.bundle import Manifest
from app.bundle.tensors import SALIENCY, Arrays
from app.modalities.payload import Encoded
from app.modalities.saliency import weights_of
from app.modalities.text.tokenized import TokenizedText
from app.wire import CLOSED_MEMBERS


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """A token that the model reads, and its contribution to the label, 0 to 1.

    A text is cleaned before the model reads it. `start` and `end` (excluded) count characters of
    the text that was sent, from 0; they are null for tokens that are not in it, such as marks for
    markup.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED_MEMBERS

    text: str
    weight: float
    start: int | None
    end: int | None


def explain_text(
    manifest: Manifest, encoded: Encoded[Any], outputs: Arrays
) -> list[TokenWeight] | None:
    """Return the weight of every token that was read; `saliency` is (time,) with padding."""
    if SALIENCY not in outputs or not isinstance(encoded.context, TokenizedText):
        return None
    pieces = encoded.context.pieces()
    weights = weights_of(outputs[SALIENCY][: len(pieces)]).tolist()
    return [
        TokenWeight(text=text, weight=weight, start=start, end=end)
        for (text, start, end), weight in zip(pieces, weights, strict=True)
    ]
