"""Packing an existing ONNX image classifier as a bundle, without torch.

The graph stays as it is. Its picture format (size, layout, channel order, normalisation) becomes
the spec of the encoder. The given payloads become golden cases with the answers that the graph
gives now; what they contradict is refused. The batch axis must be dynamic. Before a bundle is
published, it is opened from its own bytes: nothing that lies in the working directory helps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app import __version__
from app.bundle import Bundle, Manifest, Provenance, publish, read_bundle
from app.bundle.files import MODEL, sha256
from app.bundle.graph import Graph, file_name, last_operator
from app.bundle.publish import next_version
from app.bundle.tensors import TensorSpec
from app.bundle.upgrade import PACKED
from app.disk import writing_temporary
from app.errors import GoldenMismatch, InvalidBundle, InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from app.pack.labels import labels_in_metadata
from app.pack.scores import Scores, check_no_sigmoid, scores_first, scores_shown
from app.pack.source import read_graph
from app.pipeline import Golden, Pipeline, answer_golden, replay
from app.runtime.session import Session

_SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".bmp": "bmp"}
_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Package:
    """Everything about a bundle that its graph does not hold.

    labels: None for those in the graph's metadata. scores: None for what the golden pictures show.
    output: the name of the scores among the graph's outputs; None for the first.
    """

    name: str
    labels: tuple[str, ...] | None
    encoder: ImageSpec
    scores: Scores | None
    licence: str
    output: str | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """A published bundle, and what was found out about it.

    labels_from: the key of the graph's metadata that holds the labels, if they are from there.
    """

    folder: Path
    scores: Scores
    labels_from: str | None


def pack(model: Path, package: Package, golden: Sequence[Path], models: Path) -> Packed:
    """Publish the bundle under `models`; raise `InvalidBundle`."""
    graph = read_graph(model)
    session = Session(graph)
    inputs, outputs = session.tensors()
    _check_inputs(inputs, package.encoder)
    labels, labels_from = package.labels, None
    if labels is None:
        labels_from, labels = labels_in_metadata(session.metadata())
    outputs = scores_first(outputs, package.output, len(labels))
    check_no_sigmoid(last_operator(graph.model, outputs[0].name), outputs[0].name)
    cases = _golden(golden)
    rows = _rows(session, package.encoder, inputs[0].name, outputs[0].name, cases)
    if rows.shape != (len(cases), len(labels)):
        raise InvalidBundle(
            f"{len(labels)} labels, but {outputs[0].name!r} gives {rows[0].size} scores"
        )
    scores = scores_shown(rows, [case.file for case in cases], package.scores)
    manifest = Manifest(
        name=package.name,
        version=next_version(models, package.name),
        description=f"Packed from {model.name}.",
        encoder=package.encoder,
        inputs=inputs,
        outputs=outputs,
        scores=scores,
        labels=labels,
        provenance=_provenance(model.name, graph),
        licence=package.licence,
        files={},
    )
    bundle = answer_golden(manifest, _files(manifest, graph), cases)
    _open_from_its_bytes(bundle)
    return Packed(publish(bundle, models), scores, labels_from)


def _check_inputs(inputs: Sequence[TensorSpec], encoder: ImageSpec) -> None:
    """Raise `InvalidBundle` unless the graph takes what the encoder makes.

    A free axis takes any size.
    """
    expected = encoder.tensors()[0]
    actual = inputs[0]
    sizes = zip(actual.shape[1:], expected.shape[1:], strict=False)
    if (
        len(inputs) != 1
        or (actual.dtype, len(actual.shape)) != (expected.dtype, len(expected.shape))
        or any(isinstance(size, int) and size != wanted for size, wanted in sizes)
    ):
        raise InvalidBundle(
            f"the graph takes {_shown(inputs)}, the options say {_shown([expected])}: see --size, "
            "--channels, --layout and --dtype"
        )


def _golden(paths: Sequence[Path]) -> list[Golden]:
    found: dict[str, Path] = {}
    for path in paths:
        if path.name in found:
            raise InvalidBundle(f"{path} and {found[path.name]}: golden pictures need unlike names")
        found[path.name] = path
    return [Golden(path.name, _payload(path)) for path in paths]


def _payload(path: Path) -> Payload:
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InvalidBundle(f"{path}: a golden picture is one of {', '.join(_SUFFIXES)}")
    return Payload(path.read_bytes(), f"image/{kind}")


def _rows(
    session: Session, spec: ImageSpec, input: str, output: str, cases: Sequence[Golden]
) -> np.ndarray:
    """Return what the graph's output is for the golden pictures, a row for each."""
    encoder, pixels = encoder_for(spec, {}), []
    for case in cases:
        try:
            pixels.append(encoder.encode(case.payload).arrays["image"])
        except InvalidInput as error:
            raise InvalidBundle(f"{case.file}: {error}") from error
    if not pixels:
        raise InvalidBundle("a bundle needs at least one golden picture")
    return session.run({input: np.stack(pixels)})[output]


def _files(manifest: Manifest, graph: Graph) -> dict[str, bytes]:
    card = f"# {manifest.name}\n\n{manifest.description}\n".encode()
    data = {file_name(location): content for location, content in graph.external.items()}
    return {MODEL: graph.model, _CARD: card, **data}


def _provenance(source: str, graph: Graph) -> Provenance:
    return Provenance(
        recipe=PACKED,
        seed=0,
        code=f"thalamus {__version__}",
        data="not stated",
        data_source=source,
        data_licence="not stated",
        data_sha256=sha256(graph.model),
        splits={},
    )


def _open_from_its_bytes(bundle: Bundle) -> None:
    """Write the bundle to an empty folder, read it, and replay it; raise `OperatorError`."""
    with writing_temporary("the bundle to check"), TemporaryDirectory() as empty:
        found = read_bundle(publish(bundle, Path(empty)), bundle.registry)
        if differences := replay(found, Pipeline(found)):
            raise GoldenMismatch(f"the bundle contradicts itself: {differences[0]}")


def _shown(specs: Sequence[TensorSpec]) -> str:
    return "; ".join(f"{spec.name} {spec.dtype} {spec.shape}" for spec in specs)
