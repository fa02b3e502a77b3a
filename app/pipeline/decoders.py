"""What a bundle can be asked, and how each is answered from the outputs of its graph."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.bundle import Manifest
from app.bundle.tensors import EMBEDDING, Arrays
from app.modalities import Encoded
from app.outputs import (
    Prediction,
    Reconstruction,
    Step,
    decode_classes,
    decode_embedding,
    decode_reconstruction,
    decode_step,
    doubt,
    probabilities,
)
from app.pipeline.explain import explanation
from app.pipeline.item import Classes, Features, NextWord, Rebuilt, Wanted

Decode = Callable[[Encoded, Arrays, Any], Any]  # of an item, its outputs and what is wanted


def decoders_for(manifest: Manifest) -> Mapping[type[Wanted[Any]], Decode]:
    """Return everything that a model can be asked; an endpoint asks for one of them."""
    outputs = {spec.name for spec in manifest.outputs}
    known: dict[type[Wanted[Any]], tuple[bool, Decode]] = {
        Classes: (manifest.task == "classify", partial(_classify, manifest)),
        Features: (EMBEDDING in outputs, _embed),
        Rebuilt: (manifest.task == "reconstruct", _reconstruct),
        NextWord: (manifest.task == "complete", _step),
    }
    return {wanted: decode for wanted, (able, decode) in known.items() if able}


def _classify(manifest: Manifest, encoded: Encoded, outputs: Arrays, wanted: Classes) -> Prediction:
    scores, labels = probabilities(manifest, outputs), manifest.labels
    answer = decode_classes(scores, labels, wanted.top_k, encoded.truncated)
    if manifest.conformal is not None or manifest.novelty is not None:
        answer = replace(answer, **doubt(manifest, scores, outputs)._asdict())
    if wanted.explain:
        answer = replace(answer, explanation=explanation(manifest, encoded, outputs))
    return answer


def _embed(_encoded: Encoded, outputs: Arrays, _wanted: Features) -> tuple[float, ...]:
    return decode_embedding(outputs)


def _reconstruct(_encoded: Encoded, outputs: Arrays, _wanted: Rebuilt) -> Reconstruction:
    return decode_reconstruction(outputs)


def _step(encoded: Encoded, outputs: Arrays, _wanted: NextWord) -> Step:
    return decode_step(outputs, encoded.truncated)
