"""A recipe → the same recipe with the encoder, the network and the weights of a trained one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from torch import nn

from app.bundle import EncoderSpec
from app.bundle.tensors import is_forest
from app.bundle.upgrade import OWN_DATA
from training.data.dataset import Dataset, Sample
from training.data.encode import Examples
from training.data.reading.read import modality as kind_of_samples
from training.errors import BadData, TrainingError
from training.fitting.curve import History
from training.modalities import TRAINING_MODALITIES, TrainingModalities, TrainingModality
from training.recipes.recipe import AnyRecipe, Recipe, Start
from training.recipes.summary import FIXED_START
from training.transfer.features import extract
from training.transfer.language import check_language
from training.transfer.resolve import resolve_network
from training.transfer.trained_network import TrainedNetwork
from training.transfer.tuning import SCHEDULE, tuning

LINEAR_START: Final = "linear"  # none: a linear model on features that nothing learns
SCRATCH: Final = "scratch"  # random weights
PRETRAINED: Final = "pretrained"  # those of a trained network, whose last layers are fine-tuned
FEATURES: Final = "features"  # those of a trained network, frozen under a new last layer
STARTS: tuple[Start, ...] = (SCRATCH, PRETRAINED, FEATURES)


def apply_start(
    recipe: AnyRecipe,
    data: Path | None,
    start: Start,
    given: str | None,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> AnyRecipe:
    """Return the recipe with the weights that `start` names; raise `TrainingError` or `BadData`.

    given: what `--from` names (see `resolve_network`). models: the folder of published bundles.
    """
    if start == SCRATCH and given is None:
        return recipe
    if not isinstance(recipe, Recipe) or recipe.task in FIXED_START:
        raise TrainingError(
            f"{recipe.name} {FIXED_START[recipe.task]}; it starts from nothing else"
        )
    if start in (SCRATCH, LINEAR_START) and given is not None:
        raise TrainingError("--from names what --start pretrained or features starts from")
    return start_samples(recipe, recipe.load(data), start, (given, models), modalities)


def start_samples(
    recipe: Recipe,
    dataset: Dataset,
    start: Start,
    source: tuple[str | None, Path],
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> Recipe:
    """Return the recipe over the loaded data with that start; see `apply_start`.

    source: what `--from` names, and the folder of published bundles.
    """
    kind = kind_of_samples(dataset, modalities.values())
    if start == SCRATCH:
        return recipe
    if start == LINEAR_START:
        return _linear(recipe, dataset, modalities[kind])
    network = resolve_network(source[0], kind, source[1], modalities)
    check_language(network, dataset)
    return apply_source(recipe, dataset, start, network, modalities)


def apply_source(
    recipe: Recipe,
    dataset: Dataset,
    start: Start,
    source: TrainedNetwork,
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> Recipe:
    """Return the recipe over the loaded data with the network and the encoder of `source`."""
    modality = modalities[source.encoder.kind]
    encoder = modality.encoder(source.encoder, source.files)
    types = sorted(dataset.media_types())
    if other := [kind for kind in types if not encoder.accepts(kind)]:
        reads = f"{source.name} reads {modality.plural}"
        raise BadData(f"{reads}, but {dataset.name} holds {other[0]}")
    done = "tuned" if start == PRETRAINED else "as it was, but for the last layer"
    lineage, trees = recipe.lineage, is_forest(source.encoder.tensors())
    return replace(
        recipe,
        description=f"{recipe.description} Its network is that of {source.name}, {done}.",
        load=lambda _: dataset,
        prepare=partial(_prepare, source, modality),
        network=source.build,
        initialise=lambda network, _: source.load_weights(network),
        augment=modality.augment(source.encoder),
        finish=source.finish,
        make_node_targets=recipe.make_node_targets if trees else None,
        learn=tuning(source.tuned_share) if start == PRETRAINED else extract,
        schedule=SCHEDULE,
        lineage=replace(lineage, start=start, source=source.name),
        kept_order=False,
    )


def _linear(recipe: Recipe, dataset: Dataset, modality: TrainingModality) -> Recipe:
    """Return the recipe of the user's own samples with their linear model."""
    found = modality.linear
    if found is None or recipe.lineage.recipe != OWN_DATA:
        raise TrainingError(f"--start linear: there is no linear model of {recipe.name}'s samples")
    return replace(
        recipe,
        load=lambda _: dataset,
        prepare=found.prepare_for(keeps_case=dataset.keeps_case),
        network=found.network,
        augment=found.augment,
        learn=found.learn or partial(_measure_and_extract, found.measure),
        lineage=replace(recipe.lineage, start=LINEAR_START),
    )


def _measure_and_extract(
    measure: Callable[[nn.Module, Examples], None] | None,
    network: nn.Module,
    train: Examples,
    validation: Examples,
    recipe: Recipe,
) -> History:
    if measure is not None:
        measure(network, train)
    return extract(network, train, validation, recipe)


def _prepare(
    source: TrainedNetwork, modality: TrainingModality, train: Sequence[Sample]
) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = modality.fit_size(source.encoder, train) if source.resizable else source.encoder
    return spec, dict(source.files)
