"""A network that somebody else trained → a bundle."""

from pathlib import Path

import torch

from app import __version__
from app.bundle import Manifest, Measurement, Provenance, TensorSpec
from app.bundle.files import MODEL
from app.bundle.publish import next_version
from app.engine.collate import Arrays
from app.inputs import Payload, encoder_for
from training.data.dataset import Sample
from training.data.encode import encode
from training.data.photos import more_photos, photos
from training.exporting.card import CARD, card
from training.exporting.export import Servable, check_parity, export, output_specs
from training.exporting.publish import golden_from_files, prove_and_publish
from training.measuring.deletion import deletion
from training.recipes.recipe import GOLDEN, Pretrained

_UNKNOWN = (
    "## Not measured\n\nAccuracy, calibration, label sets and novelty would need pictures with "
    "labels that the weights were not trained on, and there are none here; so an answer has "
    "neither `set` nor `novelty`, and is never abstained."
)


def export_pretrained(recipe: Pretrained, models: Path) -> Path:
    """Export, prove on real files that ONNX equals torch, publish; return the folder."""
    labels, spec = recipe.labels(), recipe.encoder
    golden = golden_from_files(GOLDEN / recipe.golden)
    samples = [Sample(case.file, case.payload, case.expected or labels[0]) for case in golden]
    examples, unreadable = encode(encoder_for(spec, {}), samples, labels, spec.tensors())
    assert not unreadable, unreadable
    servable = Servable(recipe.network())
    arrays, _ = examples.batch(range(2))
    model = export(servable, spec.tensors(), [torch.from_numpy(array) for array in arrays])
    difference = check_parity(model, servable, examples, spec.tensors())
    parity = Measurement(
        name="largest difference torch to ONNX Runtime",
        value=difference,
        split="photos",
        samples=len(examples),
    )
    found = deletion(model, _photos(recipe), spec.tensors())
    figures = found.measurements("photos") if found else []
    outputs = output_specs(model, spec.tensors())
    manifest = _manifest(recipe, labels, outputs, (parity, *figures), models)
    sections = [f"## Explanation\n\nDeletion test: {found}."] if found else []
    sections.append(_UNKNOWN)
    files = {MODEL: model, CARD: card(manifest, sections, [])}
    return prove_and_publish(manifest, files, golden, models)


def _photos(recipe: Pretrained) -> list[Arrays]:
    """Return all photos that packages carry, encoded: to test explanations on."""
    encoder = encoder_for(recipe.encoder, {})
    own = [Payload(photo.read_bytes(), "image/jpeg") for half in photos() for photo in half]
    return [encoder.encode(payload).arrays for payload in [*own, *more_photos()]]


def _manifest(
    recipe: Pretrained,
    labels: tuple[str, ...],
    outputs: tuple[TensorSpec, ...],
    metrics: tuple[Measurement, ...],
    models: Path,
) -> Manifest:
    return Manifest(
        name=recipe.name,
        version=next_version(models, recipe.name),
        description=recipe.description,
        encoder=recipe.encoder,
        inputs=recipe.encoder.tensors(),
        outputs=outputs,
        labels=labels,
        metrics=metrics,
        provenance=Provenance(
            recipe=recipe.name,
            seed=0,
            code=f"thalamus {__version__}",
            data=recipe.data,
            data_source=recipe.source,
            data_licence=recipe.data_licence,
            data_sha256=recipe.weights_sha256,
            splits={"photos": metrics[0].samples},
        ),
        licence=recipe.licence,
        files={},
    )
