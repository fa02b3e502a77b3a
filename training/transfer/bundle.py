"""A published bundle as a trained network: its graph's weights in the network of its recipe."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from torch import nn

from app.bundle import Bundle, Manifest, read_bundle
from app.bundle.upgrade import OWN_DATA
from app.modalities import encoder_for
from app.pipeline.replay import golden_payload
from app.tasks.classify import GoldenClasses
from training.data.dataset import Sample
from training.data.encode import encode
from training.errors import TrainingError
from training.measuring.calibration import softmax
from training.measuring.evaluate import logits_of
from training.modalities import TRAINING_MODALITIES, TrainingModalities, registry_of
from training.recipes import RECIPES, Recipe
from training.recipes.auto import default_recipe
from training.recipes.recipe import Finish
from training.transfer.copy_weights import copy_backbone
from training.transfer.graph_weights import load_graph_weights
from training.transfer.trained_network import TrainedNetwork

Packages = Mapping[str, Callable[[], TrainedNetwork]]


def network_from_bundle(
    folder: Path, packages: Packages, modalities: TrainingModalities = TRAINING_MODALITIES
) -> TrainedNetwork:
    """Return the bundle's network; raise `TrainingError` unless it answers as published.

    packages: the networks of Python packages by name; a bundle's provenance may name one.
    """
    bundle = read_bundle(folder, registry_of(modalities.values()))
    manifest = bundle.manifest
    name = f"{manifest.name}/{manifest.version}"
    origin = manifest.provenance
    if origin.start is None and origin.recipe in packages:  # that network, exported
        return packages[origin.recipe]()
    build = _architecture(manifest, packages, modalities)
    trained = build(len(manifest.labels))
    try:
        load_graph_weights(trained, bundle.model)
        _check(bundle, trained)
    except TrainingError as error:
        raise TrainingError(f"--from {name}: {error}") from None
    return TrainedNetwork(
        name,
        manifest.encoder,
        build,
        lambda network: copy_backbone(network, trained),
        {k: v for k, v in bundle.files.items() if k in manifest.encoder.model_dump().values()},
        tuned_share=1.0,  # ours are small
        finish=_finish(manifest),
    )


def _architecture(
    manifest: Manifest, packages: Packages, modalities: TrainingModalities
) -> Callable[[int], nn.Module]:
    """Return the constructor of the network that the bundle's provenance names."""
    origin = manifest.provenance
    if origin.source is not None:
        if origin.source in packages:
            return packages[origin.source]().build
        raise TrainingError(
            f"--from {manifest.name}: its network is that of {origin.source}; name that"
        )
    recipe = RECIPES.get(origin.recipe)
    if isinstance(recipe, Recipe):
        return recipe.network
    if origin.recipe == OWN_DATA:
        return default_recipe(manifest.modality, modalities).network
    raise TrainingError(
        f"--from {manifest.name}: no recipe {origin.recipe!r} is known, so neither is its network"
    )


def _finish(manifest: Manifest) -> Finish | None:
    """Return what the bundle's own recipe does to a trained network."""
    origin = manifest.provenance
    recipe = None if origin.source else RECIPES.get(origin.recipe)
    return recipe.finish if isinstance(recipe, Recipe) else None


def _check(bundle: Bundle, network: nn.Module) -> None:
    """Raise `TrainingError` unless `network` gives the golden cases' probabilities."""
    manifest = bundle.manifest
    samples = [
        Sample(case.file, golden_payload(bundle, case), manifest.labels[0])
        for case in bundle.golden
    ]
    encoder = encoder_for(manifest.encoder, bundle.files, bundle.registry.modalities)
    examples, _ = encode(encoder, samples, manifest.labels, manifest.encoder.tensors())
    answers = softmax(logits_of(network, examples) / manifest.temperature)
    worst = max(
        abs(float(answer[manifest.labels.index(label)]) - probability)
        for answer, case in zip(answers, bundle.golden, strict=True)
        if isinstance(case, GoldenClasses)
        for label, probability in case.probabilities.items()
    )
    if not np.less_equal(worst, manifest.tolerance):
        raise TrainingError(
            f"the weights, put back into the network, answer otherwise than published "
            f"(by {worst:.2g}); its recipe has changed since"
        )
