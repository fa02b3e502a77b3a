"""A recipe → the same recipe with the encoder, the network and the weights of a trained one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from app.bundle import EncoderSpec
from app.modalities import encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from training.augmentation.audio import augment_audio
from training.augmentation.images import PICTURE_STRENGTH, augment_images
from training.data import labelled
from training.data.dataset import Dataset, Sample
from training.errors import BadData, TrainingError
from training.fitting.fit import Augment
from training.recipes.auto import sound_window
from training.recipes.recipe import AnyRecipe, Recipe, Start
from training.transfer.features import extract
from training.transfer.resolve import resolve_network
from training.transfer.trained_network import TrainedNetwork
from training.transfer.tuning import SCHEDULE, tuning

SCRATCH: Final = "scratch"  # random weights
PRETRAINED: Final = "pretrained"  # those of a trained network, whose last layers are fine-tuned
FEATURES: Final = "features"  # those of a trained network, frozen under a new last layer
STARTS: tuple[Start, ...] = (SCRATCH, PRETRAINED, FEATURES)
_PLURALS = {"image": "pictures", "audio": "sounds", "text": "texts", "tree": "trees"}
# Of the tasks whose recipes start in one way only.
_FIXED = {"complete": "starts in its own way", "export": "comes trained"}


def apply_start(
    recipe: AnyRecipe, data: Path | None, start: Start, given: str | None, models: Path
) -> AnyRecipe:
    """Return the recipe with the weights that `start` names; raise `TrainingError` or `BadData`.

    given: what `--from` names (see `resolve_network`). models: the folder of published bundles.
    """
    if start == SCRATCH and given is None:
        return recipe
    if not isinstance(recipe, Recipe):
        raise TrainingError(f"{recipe.name} {_FIXED[recipe.task]}; it starts from nothing else")
    if start == SCRATCH:
        raise TrainingError("--from names what --start pretrained or features starts from")
    dataset = recipe.load(data)
    source = resolve_network(given, labelled.modality(dataset), models)
    return apply_source(recipe, dataset, start, source)


def apply_source(recipe: Recipe, dataset: Dataset, start: Start, source: TrainedNetwork) -> Recipe:
    """Return the recipe over the loaded data with the network and the encoder of `source`."""
    encoder = encoder_for(source.encoder, source.files)
    types = sorted({sample.payload.media_type for sample in dataset.samples})
    if other := [kind for kind in types if not encoder.accepts(kind)]:
        reads = _PLURALS[source.encoder.kind]
        raise BadData(f"{source.name} reads {reads}, but {dataset.name} holds {other[0]}")
    done = "tuned" if start == PRETRAINED else "as it was, but for the last layer"
    lineage = recipe.lineage
    return replace(
        recipe,
        description=f"{recipe.description} Its network is that of {source.name}, {done}.",
        load=lambda _: dataset,
        prepare=partial(_prepare, source),
        network=source.build,
        initialise=lambda network, _: source.load_weights(network),
        augment=_augmentation(source.encoder),
        finish=source.finish,
        make_node_targets=recipe.make_node_targets if source.encoder.kind == "tree" else None,
        learn=tuning(source.tuned_share) if start == PRETRAINED else extract,
        schedule=SCHEDULE,
        lineage=replace(lineage, start=start, source=source.name),
    )


def _prepare(
    source: TrainedNetwork, train: Sequence[Sample]
) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = source.encoder
    if source.windowed and isinstance(spec, AudioSpec):
        spec = sound_window(train, spec.rate, spec.samples / spec.rate)
    return spec, dict(source.files)


def _augmentation(spec: EncoderSpec) -> Augment | None:
    if isinstance(spec, ImageSpec):
        return partial(augment_images, strength=PICTURE_STRENGTH)
    if isinstance(spec, AudioSpec):
        return partial(augment_audio, rate=spec.rate)
    return None
