"""The explanation of a text's label: how much each token contributed."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict

from app.bundle import Manifest
from app.bundle.tensors import SALIENCY, Arrays
from app.modalities.payload import Encoded
from app.modalities.saliency import weights_of
from app.modalities.text.spec import TextSpec
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
    """Return the weight of every token that was read; `saliency` is (time,) with padding.

    Where tokens are characters, the weight of each word, or of each character of a script that
    has no spaces between words.
    """
    if SALIENCY not in outputs or not isinstance(encoded.context, TokenizedText):
        return None
    pieces = encoded.context.pieces()
    saliency = outputs[SALIENCY][: len(pieces)]
    if isinstance(manifest.encoder, TextSpec) and manifest.encoder.unit == "character":
        pieces, saliency = _words(pieces, saliency)
    weights = weights_of(saliency).tolist()
    return [
        TokenWeight(text=text, weight=weight, start=start, end=end)
        for (text, start, end), weight in zip(pieces, weights, strict=True)
    ]


_Piece = tuple[str, int | None, int | None]  # a text, and its start and end in the text sent


def _words(pieces: Sequence[_Piece], saliency: np.ndarray) -> tuple[list[_Piece], np.ndarray]:
    """Join characters to words; the saliency of a word is the sum of theirs."""
    runs: list[list[int]] = []
    inside = False
    for place, (text, _, _) in enumerate(pieces):
        alone = unicodedata.east_asian_width(text[:1] or " ") in "WF"
        if inside and not alone and not text.isspace():
            runs[-1].append(place)
        elif not text.isspace():
            runs.append([place])
        inside = not alone and not text.isspace()
    words = [
        ("".join(pieces[i][0] for i in run), pieces[run[0]][1], pieces[run[-1]][2]) for run in runs
    ]
    return words, np.asarray([saliency[run].sum() for run in runs], dtype=np.float32)
