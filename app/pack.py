"""Packing an existing ONNX image classifier as a bundle, without torch.

The graph stays as it is. Its picture format (size, layout, channel order, normalisation) becomes
the spec of the encoder. The given payloads become golden cases with the answers that the graph
gives now. The batch axis must be dynamic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app import __version__
from app.bundle import Manifest, Provenance, publish
from app.bundle.files import MODEL, sha256
from app.bundle.publish import next_version
from app.bundle.tensors import TensorSpec
from app.bundle.upgrade import PACKED
from app.errors import InvalidBundle
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.pipeline import Golden, answer_golden
from app.runtime.session import Session

_SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".bmp": "bmp"}
_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Package:
    """Everything about a bundle that its graph does not hold."""

    name: str
    labels: tuple[str, ...]
    encoder: ImageSpec
    scores: Literal["probabilities", "logits"]
    licence: str


def pack(model: Path, package: Package, golden: Sequence[Path], models: Path) -> Path:
    """Publish the bundle under `models` and return its folder; raise `InvalidBundle`."""
    graph = model.read_bytes()
    inputs, outputs = Session(graph).tensors()
    manifest = _manifest(model.name, graph, package, inputs, outputs, models)
    files = {MODEL: graph, _CARD: f"# {package.name}\n\nPacked from {model.name}.\n".encode()}
    cases = [Golden(path.name, _payload(path)) for path in golden]
    return publish(answer_golden(manifest, files, cases), models)


def _manifest(
    source: str,
    graph: bytes,
    package: Package,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    models: Path,
) -> Manifest:
    expected = package.encoder.tensors()[0]
    if len(inputs) != 1 or (inputs[0].dtype, inputs[0].shape[1:]) != (
        expected.dtype,
        expected.shape[1:],
    ):
        raise InvalidBundle(
            f"the graph takes {_shown(inputs)}, the options say {_shown([expected])}"
        )
    if outputs[0].shape[1:] != (len(package.labels),):
        raise InvalidBundle(f"{len(package.labels)} labels for {_shown(outputs)}")
    return Manifest(
        name=package.name,
        version=next_version(models, package.name),
        description=f"Packed from {source}.",
        encoder=package.encoder,
        inputs=inputs,
        outputs=outputs,
        scores=package.scores,
        labels=package.labels,
        provenance=Provenance(
            recipe=PACKED,
            seed=0,
            code=f"thalamus {__version__}",
            data="not stated",
            data_source=source,
            data_licence="not stated",
            data_sha256=sha256(graph),
            splits={},
        ),
        licence=package.licence,
        files={},
    )


def _payload(path: Path) -> Payload:
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InvalidBundle(f"{path}: a golden picture is one of {', '.join(_SUFFIXES)}")
    return Payload(path.read_bytes(), f"image/{kind}")


def _shown(specs: Sequence[TensorSpec]) -> str:
    return "; ".join(f"{spec.name} {spec.dtype} {spec.shape}" for spec in specs)
