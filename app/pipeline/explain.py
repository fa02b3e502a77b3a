"""An item and its outputs → what led to its label, as far as the model tells it."""

from app.bundle import AudioSpec, Manifest
from app.bundle.tensors import NODES, SALIENCY, Arrays
from app.modalities import Encoded
from app.outputs import (
    HeatMap,
    Phrase,
    Piece,
    Token,
    label_phrases,
    map_picture,
    map_sound,
    weigh_tokens,
)


def explanation(
    manifest: Manifest, encoded: Encoded, outputs: Arrays
) -> tuple[Phrase, ...] | tuple[Token, ...] | HeatMap | None:
    """Return the explanation of one item; None where the graph gives none."""
    if encoded.tree is not None and NODES in outputs:
        return label_phrases(encoded.tree.phrases(), outputs[NODES], manifest.labels)
    if SALIENCY not in outputs:
        return None
    saliency, encoder = outputs[SALIENCY], manifest.encoder
    if encoded.text is not None:
        return weigh_tokens([Piece(*piece) for piece in encoded.text.pieces()], saliency)
    if isinstance(encoder, AudioSpec):
        duration = encoder.samples / encoder.rate
        return map_sound(saliency, manifest.bands, encoded.start, duration)
    return map_picture(saliency)
