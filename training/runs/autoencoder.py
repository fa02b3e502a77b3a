"""One run without labels: data → splits → autoencoder → density of its codes → graph → bundle.

Only the study of few labels uses labels; it measures the features that were learnt without them.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app.bundle import Measurement
from app.bundle.files import MODEL
from app.modalities import Payload
from app.pipeline import Golden
from training.datasets.mnist import png
from training.errors import TrainingError
from training.exporting.card.data import CURVE
from training.exporting.card.figures import draw_curve
from training.exporting.card.render import training_section
from training.exporting.export import check_parity, export, parity
from training.fitting.curve import History
from training.fitting.ranks import leads
from training.measuring.detector import (
    DetectorScores,
    auroc_by_kind,
    fit_detector,
    images_of,
    score_images,
)
from training.measuring.evaluate import to_measurements
from training.measuring.few_labels import (
    WayResult,
    few_labels,
    few_labels_measurements,
    few_labels_table,
)
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.networks.convolutional.autoencoder import Autoencoder
from training.outliers.drawn import (
    DIGITS_TO_THE_EYE,
    HELD_OUT_KINDS,
    SELECTION_KINDS,
    blank,
    letters,
    noise,
    rotated,
)
from training.recipes.recipe import Recipe
from training.runs.fit_recipe import train_network
from training.runs.prepare import PreparedData, prepare
from training.runs.publish import (
    card_data,
    check_destination,
    new_manifest,
    prove_and_publish,
    trained_provenance,
)
from training.runs.serving_decision import Publication, PublishPolicy

_LOG = logging.getLogger(__name__)
_KNOWN = 5  # golden cases
_OUTLIERS = {"blank": blank, "letter": letters, "noise": noise, "rotated": rotated}  # one of each
_TRIED = 50  # images of each kind, to find that one


@dataclass(frozen=True, slots=True)
class _Detector:
    """The exported graph, and its scores of the test images, uint8 (images, H, W, 1)."""

    model: bytes
    images: np.ndarray
    scores: DetectorScores


def train_autoencoder(
    recipe: Recipe,
    data: Path | None,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    policy: PublishPolicy = "if-better",
) -> Path | None:
    """Train `recipe`, publish the bundle under `models`, and return its folder.

    policy: whether the version serves at once; it is compared with no other one. Of several ranks
    only the leader publishes; the others return nothing.
    """
    check_destination(models, recipe.name)
    prepared = prepare(recipe, data, modalities)
    network, history = fit_autoencoder(recipe, prepared)
    detector, difference = _exported(network, prepared, recipe.seed)
    metrics = _figures(detector, difference, recipe.seed)
    results = _studied(recipe, prepared, network, "test")
    _LOG.info("%s", few_labels_table(results))
    metrics += few_labels_measurements(results, "test", len(detector.images))
    if not leads():
        return None
    manifest = new_manifest(
        recipe,
        trained_provenance(recipe, prepared.dataset, prepared.counts()),
        prepared.encoder,
        detector.model,
        task=recipe.task,
        tolerance=2e-2,
        metrics=tuple(metrics),
    )
    novelty, few = _novelty_section(metrics), _study_section(recipe, results)
    files = {**prepared.files, MODEL: detector.model, CURVE: draw_curve(history)}
    golden, to = _golden(prepared, detector), Publication(models, policy)
    card = card_data(recipe, [training_section(history), novelty, few])
    return prove_and_publish(manifest, files, golden, card, to, modalities)


def study(recipe: Recipe, data: Path | None, split: str) -> list[WayResult]:
    """Train as `train_autoencoder` does and return what few labels reach on a split.

    Choose on `validation`; `test` is for the figure that is published.
    """
    if recipe.study is None:
        raise TrainingError(f"{recipe.name} learns from labels; there is nothing to study")
    prepared = prepare(recipe, data)
    network, _ = fit_autoencoder(recipe, prepared)
    return _studied(recipe, prepared, network, split)


def fit_autoencoder(recipe: Recipe, data: PreparedData) -> tuple[Autoencoder, History]:
    """Return the autoencoder, fitted without labels, and its learning curve."""
    network, history = train_network(recipe, 0, data.train, data.validation, data.files)
    assert isinstance(network, Autoencoder)
    return network, history


def _exported(network: Autoencoder, data: PreparedData, seed: int) -> tuple[_Detector, float]:
    """Fit the detector and export it; return it, and how much the graph differs from torch."""
    fitted = fit_detector(network, data.train, data.validation, seed)
    specs, images = data.encoder.tensors(), images_of(data.test)
    model = export(fitted, specs, [torch.from_numpy(images[:2])])
    difference = check_parity(model, fitted, data.test, specs)
    return _Detector(model, images, score_images(model, images)), difference


def _studied(
    recipe: Recipe, data: PreparedData, network: Autoencoder, split: str
) -> list[WayResult]:
    assert recipe.study is not None
    tested = {"validation": data.validation, "test": data.test}[split]
    return few_labels(network, recipe.study, data.train, tested)


def _figures(detector: _Detector, difference: float, seed: int) -> list[Measurement]:
    scores, kinds = detector.scores, SELECTION_KINDS | HELD_OUT_KINDS
    count = len(scores.error)
    figures = {
        "mean squared error of the reconstruction": float(scores.error.mean()),
        "share of in-distribution images classified as novel": float(
            (scores.novelty >= 0.5).mean()
        ),
    }
    return [
        *to_measurements(figures, "test", count),
        parity(difference, "test", min(count, 42)),
        *auroc_by_kind(detector.model, scores, detector.images, kinds, seed),
    ]


def _golden(data: PreparedData, detector: _Detector) -> list[Golden]:
    """Return test images that are not novel, and an outlier that is, of each kind that has one."""
    familiar = np.flatnonzero(detector.scores.novelty < 0.5)[:_KNOWN].tolist()
    cases = [
        Golden(f"known-{number}.png", data.test.samples[place].payload, "familiar")
        for number, place in enumerate(familiar, 1)
    ]
    rng = np.random.default_rng(0)
    for name, outliers in _OUTLIERS.items():
        pages = outliers(detector.images[:_TRIED, ..., 0], rng)
        scores = score_images(detector.model, pages[..., None])
        novel = np.flatnonzero(scores.novelty >= 0.5)[:1].tolist()
        cases += [
            Golden(f"{name}.png", Payload(png(pages[place]), "image/png"), "novel")
            for place in novel
        ]
    return cases


def _novelty_section(metrics: list[Measurement]) -> str:
    kinds = SELECTION_KINDS | HELD_OUT_KINDS
    value = {m.name: m.value for m in metrics}
    rows = [
        f"| {kind} | {value[f'AUROC of the novelty, {kind}']:.3f} "
        f"| {value[f'AUROC of the reconstruction error, {kind}']:.3f} |"
        for kind in kinds
    ]
    return "\n".join(
        [
            "## Novelty",
            "",
            "How well outliers are separated from test images: the area under the ROC curve, by "
            "the novelty and by the reconstruction error alone. The novelty adds two terms (see "
            "`training/networks/convolutional/detector.py`): how improbable the code is, and which "
            "share of the image's variance the reconstruction misses. 99 % of the validation "
            "images have a novelty below 0.5. By the error alone, blank pages look normal.",
            "",
            "The method was chosen on the validation split by these kinds of outliers, except "
            f"those that were kept aside until the test: {', '.join(HELD_OUT_KINDS)}. Letters that "
            f"look like digits ({', '.join(DIGITS_TO_THE_EYE)}) are left out, except where the "
            "name says `all`.",
            "",
            "| outliers | novelty | reconstruction error alone |",
            "|---|---|---|",
            *rows,
        ]
    )


def _study_section(recipe: Recipe, results: list[WayResult]) -> str:
    assert recipe.study is not None
    return "\n".join(
        [
            "## Few labels",
            "",
            "Accuracy on the test split with few labelled images of each class: mean and standard "
            f"deviation over {recipe.study.draws} draws of the labelled images (and of the random "
            "weights). The pretrained network is the one of this bundle. Rates and the strength "
            "of the linear classifiers were chosen on the validation split "
            f"(`thalamus-train few-labels {recipe.name} --split validation`).",
            "",
            few_labels_table(results),
        ]
    )
