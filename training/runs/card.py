"""The card of a published version, written anew; see `docs/decisions/0029-cards-are-rewritten.md`.

Nothing that answers changes, and no test split is opened. A reliability diagram that was not stored
when the version was made is measured on the validation samples that set its thresholds.
"""

import logging
from pathlib import Path
from typing import Any

from app.bundle import Bundle, Manifest
from app.bundle.rewrite import rewrite
from app.modalities import encoder_for
from app.pipeline import Pipeline, replay
from app.runtime.session import Session
from training.data.encode import Examples, encode
from training.data.split import split, split_validation
from training.errors import TrainingError
from training.exporting.card.data import ReliabilityBins, stored_data
from training.exporting.card.render import with_card
from training.measuring.calibration import reliability_bins
from training.measuring.evaluate import classifier_outputs
from training.modalities import TRAINING_MODALITIES
from training.recipes import RECIPES, AnyRecipe
from training.recipes.recipe import Recipe
from training.runs.prepare import load

_LOG = logging.getLogger(__name__)
_VALIDATION_SPLIT = (
    "the validation samples that set the thresholds of prediction sets and novelty (not the test "
    "split, of which no bins were stored)"
)


def rewrite_card(bundle: Bundle, models: Path, **changes: Any) -> Path:
    """Write the card of a published bundle anew, and return its folder.

    changes: fields of `CardData` that replace the stored ones. Description, headline and limits
    are the shipped recipe's, where one made the bundle. Raises `TrainingError` where this machine
    answers a golden case otherwise, `InvalidBundle` where anything but the card would change.
    """
    if differences := replay(bundle, Pipeline(bundle)):
        raise TrainingError(f"{bundle.manifest.name}: {differences[0]}; the card is left alone")
    manifest, recipe = bundle.manifest, _recipe(bundle.manifest)
    data = stored_data(bundle.files).model_copy(update=changes)
    if recipe is not None:
        texts = {"headline": recipe.headline, "limits": recipe.limits}
        data = data.model_copy(update=texts)
        if manifest.provenance.source is None:
            manifest = manifest.model_copy(update={"description": recipe.description})
    described = Bundle(manifest, bundle.files, bundle.golden, bundle.registry)
    inputs = TRAINING_MODALITIES[manifest.encoder.kind].card
    return rewrite(with_card(described, data, inputs), models)


def validation_reliability(bundle: Bundle, data: Path | None) -> ReliabilityBins:
    """Measure the bins of a bundle on the validation samples that set its thresholds.

    data: of the recipe, if it is not to be found by itself. Raises `TrainingError` where the
    recipe or the data are not those that made the bundle, or where bins of other samples are
    stored.
    """
    stored = stored_data(bundle.files).reliability
    if stored is not None and stored.split != _VALIDATION_SPLIT:
        raise TrainingError(f"{bundle.manifest.name} has a reliability diagram: {stored.split}")
    examples = _threshold_samples(bundle, data)
    found = classifier_outputs(bundle.manifest, Session(bundle.graph), examples.items)
    bins = reliability_bins(found.probabilities, examples.targets, _VALIDATION_SPLIT)
    _LOG.info("calibration error %.4f on %d validation samples", bins.error, bins.samples)
    return bins


def _threshold_samples(bundle: Bundle, data: Path | None) -> Examples:
    """Return the encoded validation samples that set the thresholds; encode no others."""
    manifest, recipe = bundle.manifest, _recipe(bundle.manifest)
    if not isinstance(recipe, Recipe) or recipe.task != "classify" or manifest.provenance.source:
        raise TrainingError(
            f"{manifest.name}/{manifest.version} was not made by a shipped recipe that has a "
            "validation split; its reliability cannot be measured afterwards"
        )
    dataset = load(recipe, data)
    if dataset.sha256 != manifest.provenance.data_sha256:
        raise TrainingError(f"{manifest.name}/{manifest.version} was trained on other data")
    samples = split(dataset.samples, recipe.shares).validation
    encoder = encoder_for(manifest.encoder, bundle.files)
    examples, _ = encode(encoder, samples, manifest.labels, manifest.encoder.tensors())
    examples = examples.select(split_validation(examples.samples, recipe.shares.rule)[1])
    if manifest.conformal is not None and len(examples) != manifest.conformal.samples:
        raise TrainingError(
            f"{manifest.name}: {len(examples)} samples would set the thresholds, but "
            f"{manifest.conformal.samples} did; the recipe is no longer what made this bundle"
        )
    return examples


def _recipe(manifest: Manifest) -> AnyRecipe | None:
    """Return the shipped recipe that made a bundle; None for one of the user's data."""
    return RECIPES.get(manifest.provenance.recipe)
