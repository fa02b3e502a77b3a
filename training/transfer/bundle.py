"""A published bundle as the start of another: its graph's weights in the network of its recipe."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from torch import nn

from app.bundle import Bundle, GoldenClasses, Manifest, read_bundle
from app.modalities import encoder_for
from app.pipeline.replay import golden_payload
from training.data.dataset import Sample
from training.data.encode import encode
from training.errors import TrainingError
from training.measuring.calibration import softmax
from training.measuring.evaluate import logits_of
from training.recipes import RECIPES, Recipe
from training.recipes.auto import default_network
from training.recipes.recipe import Finish
from training.transfer.graph_weights import take
from training.transfer.initial_weights import fill_from_graph
from training.transfer.source import Source

Packages = Mapping[str, Callable[[], Source]]


def from_bundle(folder: Path, packages: Packages) -> Source:
    """Return the bundle's network; raise `TrainingError` unless it answers as published.

    packages: the networks by whose names a bundle may say that it started from one.
    """
    bundle = read_bundle(folder)
    manifest = bundle.manifest
    name = f"{manifest.name}/{manifest.version}"
    if manifest.provenance.recipe in packages:
        return packages[manifest.provenance.recipe]()
    build = _architecture(manifest, packages)
    trained = build(len(manifest.labels))
    try:
        fill_from_graph(trained, bundle.model)
        _check(bundle, trained)
    except TrainingError as error:
        raise TrainingError(f"--from {name}: {error}") from None
    return Source(
        name,
        manifest.encoder,
        build,
        lambda network: take(network, trained),
        {k: v for k, v in bundle.files.items() if k in manifest.encoder.model_dump().values()},
        tuned=1.0,  # ours are small
        finish=_finish(manifest),
    )


def _architecture(manifest: Manifest, packages: Packages) -> Callable[[int], nn.Module]:
    """Return what makes the network of the recipe that the bundle names."""
    made_by = manifest.provenance.recipe
    command, _, origin = made_by.partition(" --from ")
    if origin:  # itself started from another
        if origin in packages:
            return packages[origin]().build
        raise TrainingError(f"--from {manifest.name}: its network is that of {origin}; name that")
    recipe = RECIPES.get(command)
    if isinstance(recipe, Recipe):
        return recipe.network
    if made_by.startswith("--data "):
        return default_network(manifest.modality)
    raise TrainingError(
        f"--from {manifest.name}: no recipe {made_by!r} is known, so neither is its network"
    )


def _finish(manifest: Manifest) -> Finish | None:
    """Return what the bundle's recipe does once its network is trained."""
    recipe = RECIPES.get(manifest.provenance.recipe)
    return recipe.finish if isinstance(recipe, Recipe) else None


def _check(bundle: Bundle, network: nn.Module) -> None:
    """Raise `TrainingError` unless `network` gives the golden cases' probabilities."""
    manifest = bundle.manifest
    samples = [
        Sample(case.file, golden_payload(bundle, case), manifest.labels[0])
        for case in bundle.golden
    ]
    encoder = encoder_for(manifest.encoder, bundle.files)
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
