"""The task `reconstruct`: an autoencoder's reconstruction of an item, and the item's novelty.

A client that prefers `image/png` receives the picture of its single item.
"""

import binascii
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from pydantic import Field

from app.bundle import GoldenCase, Manifest
from app.bundle.tensors import EMBEDDING, NOVELTY, RECONSTRUCTION, RECONSTRUCTION_ERROR, Arrays
from app.errors import InvalidInput, ModelOutputInvalid
from app.modalities import Encoded, Modality
from app.tasks.answer_tensor import AnswerTensor, graph_output
from app.tasks.embed import decode_features, different_features
from app.tasks.task import Decode, Options, Task, check_without_labels, furthest
from app.wire import Wire

PNG = "image/png"
NOVELTY_THRESHOLD = 0.5  # the threshold of an autoencoder's novelty, which its card explains


class ReconstructOptions(Options):
    """A reconstruction has no options."""

    task: ClassVar[str] = "reconstruct"


class Picture(Wire):
    """An image file."""

    b64: str
    media_type: str


class ReconstructedItem(Wire):
    """The reconstruction of an item, its error, and the novelty of the item."""

    reconstruction_error: float
    novelty: float
    reconstruction: Picture


class GoldenReconstruction(GoldenCase):
    """The error of a reconstruction, and the novelty and the features of the item."""

    reconstruction_error: float
    novelty: float = Field(ge=0, le=1)
    embedding: tuple[float, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The reconstruction of an item.

    error: the squared distance to the item, in units that the model's card states. novelty: 0..1;
    from `NOVELTY_THRESHOLD` on, the item counts as unlike the training data. picture: uint8 (rows,
    columns, channels). embedding: the code from which the decoder reconstructs the item.
    """

    error: float
    novelty: float
    picture: np.ndarray
    embedding: tuple[float, ...]


def encode_png(picture: np.ndarray) -> bytes:
    """Return the PNG file of uint8 (rows, columns, 1 or 3)."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG")
    return file.getvalue()


def _decoder(_manifest: Manifest, _modality: Modality) -> Decode:
    def decode(
        _encoded: Encoded[Any], outputs: Arrays, _options: ReconstructOptions
    ) -> Reconstruction:
        error, novelty = float(outputs[RECONSTRUCTION_ERROR]), float(outputs[NOVELTY])
        levels = outputs[RECONSTRUCTION]  # grey levels, 0..255
        if not (np.isfinite(levels).all() and np.isfinite(error) and 0 <= novelty <= 1):
            raise ModelOutputInvalid("the graph gives a reconstruction that is none")
        picture = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return Reconstruction(error, novelty, picture, decode_features(outputs))

    return decode


def _item(answer: Reconstruction) -> dict[str, Any]:
    b64 = binascii.b2a_base64(encode_png(answer.picture), newline=False).decode()
    return {
        "reconstruction_error": answer.error,
        "novelty": answer.novelty,
        "reconstruction": {"b64": b64, "media_type": PNG},
    }


def _as_png(_manifest: Manifest, answers: Sequence[Reconstruction]) -> bytes:
    if len(answers) > 1:
        raise InvalidInput(f"{PNG} holds one item; accept application/json for several")
    return encode_png(answers[0].picture)


def _golden_case(answer: Reconstruction, about: Mapping[str, str]) -> GoldenReconstruction:
    """Return the case, without the picture, which follows from the code."""
    return GoldenReconstruction(
        **about,
        reconstruction_error=answer.error,
        novelty=answer.novelty,
        embedding=answer.embedding,
    )


def _difference(case: GoldenReconstruction, answer: Reconstruction, tolerance: float) -> str | None:
    published = {"error": case.reconstruction_error, "novelty": case.novelty}
    actual = {"error": answer.error, "novelty": answer.novelty}
    return furthest(published, actual, tolerance) or different_features(
        case.embedding, answer.embedding, tolerance
    )


def _example(_manifest: Manifest, case: GoldenCase) -> dict[str, Any] | None:
    if not isinstance(case, GoldenReconstruction):
        return None
    return {
        "reconstruction_error": case.reconstruction_error,
        "novelty": case.novelty,
        "reconstruction": {"b64": "iVBORw0KGgo…", "media_type": PNG},
    }


def _tensors(manifest: Manifest, modality: Modality, _encoder: Any) -> list[AnswerTensor]:
    """Return the graph's outputs: grey levels in place of a picture."""
    decode, options = _decoder(manifest, modality), ReconstructOptions()

    def novelty(encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        return np.asarray(decode(encoded, outputs, options).novelty, np.float32)

    return [
        graph_output(manifest, RECONSTRUCTION),
        graph_output(manifest, RECONSTRUCTION_ERROR),
        graph_output(manifest, NOVELTY, read=novelty),
    ]


RECONSTRUCT = Task(
    name="reconstruct",
    about="Reconstruct each item",
    plural="reconstructions",
    options=ReconstructOptions,
    decoder=_decoder,
    item=_item,
    golden=GoldenReconstruction,
    golden_options=ReconstructOptions(),
    golden_case=_golden_case,
    top_answer=lambda answer: (
        "novel" if answer.novelty >= NOVELTY_THRESHOLD else "familiar",
        answer.novelty,
    ),
    difference=_difference,
    outputs=frozenset({RECONSTRUCTION, RECONSTRUCTION_ERROR, NOVELTY, EMBEDDING}),
    check=check_without_labels,
    answer_type=lambda _registry: ReconstructedItem,
    renderings={PNG: _as_png},
    example=_example,
    tensors=_tensors,
)
