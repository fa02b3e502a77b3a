"""A network that somebody else trained → a bundle."""

from pathlib import Path

import torch

from app import __version__
from app.bundle import Manifest, Measurement, Provenance, TensorSpec
from app.bundle.files import MODEL
from app.bundle.publish import next_version
from app.engine.collate import Arrays
from app.engine.session import Session
from app.inputs import Payload, encoder_for
from training.data.dataset import Sample
from training.data.encode import encode
from training.data.photos import more_photos, photos
from training.exporting.card import CARD, card
from training.exporting.export import Servable, check_parity, export, output_specs
from training.exporting.publish import golden_from_files, prove_and_publish
from training.measuring.answers import answers_of
from training.measuring.deletion import deletion
from training.measuring.familiar import Familiar, familiar
from training.measuring.novelty import fit_novelty
from training.measuring.trust import abstained
from training.recipes.recipe import GOLDEN, Pretrained

_UNKNOWN = (
    "## Not measured\n\nAccuracy, calibration and label sets need pictures with labels that the "
    "weights were not trained on, and there are none here; so an answer has no `set`. On labelled "
    "pictures of your own `thalamus-train calibrate {name} --data FOLDER` measures them, and "
    "gives it sets."
)


def export_pretrained(recipe: Pretrained, models: Path) -> Path:
    """Export, prove on real files that ONNX equals torch, publish; return the folder.

    Where pictures such as it was trained on are found, it tells what is unlike them.
    """
    labels, spec = recipe.labels(), recipe.encoder
    golden = golden_from_files(GOLDEN / recipe.golden)
    samples = [Sample(case.file, case.payload, case.expected or labels[0]) for case in golden]
    examples, unreadable = encode(encoder_for(spec, {}), samples, labels, spec.tensors())
    assert not unreadable, unreadable
    network, known, head, score = recipe.network(), familiar(recipe, labels), None, None
    if known is not None and known.shown is not None:
        head, score = fit_novelty(network, known.train, known.calibration, known.shown)
    servable = Servable(network, novelty=head)
    arrays, _ = examples.batch(range(2))
    model = export(servable, spec.tensors(), [torch.from_numpy(array) for array in arrays])
    difference = check_parity(model, servable, examples, spec.tensors())
    manifest = _manifest(recipe, labels, output_specs(model, spec.tensors()), models)
    manifest = manifest.model_copy(update={"novelty": score})
    metrics = [_on_photos("largest difference torch to ONNX Runtime", difference, len(examples))]
    if known is not None:
        metrics += known.figures(model, network, score)
    more, sections = _explained(model, manifest, known)
    metrics += more
    manifest = manifest.model_copy(update={"metrics": tuple(metrics)})
    sections += _told(recipe, known)
    files = {MODEL: model, CARD: card(manifest, sections, [])}
    return prove_and_publish(manifest, files, golden, models)


def _on_photos(name: str, value: float, count: int) -> Measurement:
    return Measurement(name=name, value=value, split="photos", samples=count)


def _explained(
    model: bytes, manifest: Manifest, known: Familiar | None
) -> tuple[list[Measurement], list[str]]:
    """Test what is called salient, and how often it abstains, on photos that packages carry.

    The form of the explanations was chosen on those, so it is tested on unseen ones as well.
    """
    photos = _photos(manifest)
    metrics, lines = [], []
    if manifest.novelty is not None:
        answers = answers_of(manifest, Session(model), photos)
        withheld = abstained(answers.probabilities, answers.novelty, None, manifest.novelty)
        share = float(withheld.mean())
        metrics.append(_on_photos("share of answers abstained", share, len(photos)))
    tried = {"photos": photos} | ({known.name: known.test.items} if known else {})
    for name, items in tried.items():
        if found := deletion(model, items, manifest.encoder.tensors()):
            metrics += found.measurements(name)
            lines.append(f"Deletion test on {name}: {found}.")
    return metrics, ["## Explanation\n\n" + "\n\n".join(lines)] if lines else []


def _told(recipe: Pretrained, known: Familiar | None) -> list[str]:
    """Return what the card says of the pictures, and of what is not measured."""
    unknown = _UNKNOWN.format(name=recipe.name)
    if known is None:
        return [unknown]
    counts = [len(part) for part in (known.train, known.calibration, known.test)]
    novelty = (
        f"## Novelty\n\nFitted to {counts[0]} of {known.name} and to the pictures that were shown "
        f"as none, its threshold set on {counts[1]} others, measured on {counts[2]}. The network "
        "was trained on most of them, so of photos that are new to it somewhat more may be called "
        "novel."
    )
    return [novelty, unknown]


def _photos(manifest: Manifest) -> list[Arrays]:
    """Return all photos that packages carry, encoded."""
    encoder = encoder_for(manifest.encoder, {})
    own = [Payload(photo.read_bytes(), "image/jpeg") for half in photos() for photo in half]
    return [encoder.encode(payload).arrays for payload in [*own, *more_photos()]]


def _manifest(
    recipe: Pretrained,
    labels: tuple[str, ...],
    outputs: tuple[TensorSpec, ...],
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
        provenance=Provenance(
            recipe=recipe.name,
            seed=0,
            code=f"thalamus {__version__}",
            data=recipe.data,
            data_source=recipe.source,
            data_licence=recipe.data_licence,
            data_sha256=recipe.weights_sha256,
            splits={},
        ),
        licence=recipe.licence,
        files={},
    )
