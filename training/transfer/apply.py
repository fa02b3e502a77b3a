"""A recipe that starts from a trained network is a recipe with another encoder and network."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.bundle import AudioSpec, EncoderSpec, ImageSpec
from app.modalities import encoder_for
from training.augmentation.audio import augment_audio
from training.augmentation.images import PICTURES, augment_images
from training.data import labelled
from training.data.dataset import Dataset, Sample
from training.errors import BadData, TrainingError
from training.fitting.fit import Augment
from training.recipes.auto import sound_window
from training.recipes.recipe import Recipe
from training.transfer.features import extract
from training.transfer.resolve import find
from training.transfer.source import Source
from training.transfer.tuning import SCHEDULE, tuning

SCRATCH, PRETRAINED, FEATURES = "scratch", "pretrained", "features"
STARTS = (SCRATCH, PRETRAINED, FEATURES)
_CALLED = {"image": "pictures", "audio": "sounds", "text": "texts", "tree": "trees"}


def started(
    recipe: Recipe, data: Path | None, start: str, given: str | None, models: Path
) -> Recipe:
    """Return the recipe as it begins from `start`; raise `TrainingError` or `BadData`.

    given: what `--from` names (see `find`). models: the folder of published bundles.
    """
    if start == SCRATCH:
        if given is not None:
            raise TrainingError("--from names what --start pretrained or features starts from")
        return recipe
    dataset = recipe.load(data)
    return begin(recipe, dataset, start, find(given, labelled.modality(dataset), models))


def begin(recipe: Recipe, dataset: Dataset, start: str, source: Source) -> Recipe:
    """Return the recipe over the loaded data, its network that of `source`."""
    encoder = encoder_for(source.encoder, source.files)
    types = sorted({sample.payload.media_type for sample in dataset.samples})
    if other := [kind for kind in types if not encoder.accepts(kind)]:
        reads = _CALLED[source.encoder.kind]
        raise BadData(f"{source.name} reads {reads}, but {dataset.name} holds {other[0]}")
    done = "tuned" if start == PRETRAINED else "as it was, but for the last layer"
    return replace(
        recipe,
        description=f"{recipe.description} Its network is that of {source.name}, {done}.",
        load=lambda _: dataset,
        prepare=partial(_prepare, source),
        network=source.build,
        start=lambda network, _: source.fill(network),
        augment=_augmentation(source.encoder),
        finish=source.finish,
        make_node_targets=recipe.make_node_targets if source.encoder.kind == "tree" else None,
        learn=tuning(source.tuned) if start == PRETRAINED else extract,
        schedule=SCHEDULE,
        made_by=f"{recipe.made_by or recipe.name} --start {start} --from {source.name}",
    )


def _prepare(source: Source, train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = source.encoder
    if source.windowed and isinstance(spec, AudioSpec):
        spec = sound_window(train, spec.rate, spec.samples / spec.rate)
    return spec, dict(source.files)


def _augmentation(spec: EncoderSpec) -> Augment | None:
    if isinstance(spec, ImageSpec):
        return partial(augment_images, strength=PICTURES)
    if isinstance(spec, AudioSpec):
        return partial(augment_audio, rate=spec.rate)
    return None
