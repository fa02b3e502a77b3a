"""One run: data → splits → arrays → network → calibration → graph → bundle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from app.bundle import AudioSpec, EncoderSpec, Measurement, NoveltyScore
from app.bundle.tensors import PROBABILITIES, is_forest
from app.modalities import encoder_for
from app.pipeline import Golden
from training.data.dataset import Dataset
from training.data.encode import Examples, encode, root_node_targets
from training.data.sources import warn, warn_each
from training.data.split import Splits, check_classes, deduplicate, split, split_validation
from training.errors import BadData
from training.exporting.export import Servable, check_parity, export, parity
from training.fitting.curve import History
from training.fitting.ranks import leads
from training.measuring.calibration import (
    expected_calibration_error,
    fit_temperature,
    log_loss,
    softmax,
)
from training.measuring.evaluate import ClassificationReport, evaluate, logits_of, probabilities_of
from training.measuring.faithfulness import deletion_test
from training.measuring.novelty import fit_novelty
from training.measuring.reliability import assess_reliability
from training.measuring.trees import node_figures, node_temperature
from training.networks.heads.model_output import Banded
from training.outliers import gather_shown
from training.recipes.recipe import GOLDEN, Recipe
from training.runs.fit_recipe import train_network
from training.runs.leave_one_out import leave_one_out
from training.runs.publish import (
    Trained,
    check_folder,
    golden_from_files,
    golden_from_samples,
    publish_trained,
)


@dataclass(frozen=True, slots=True)
class Data:
    """A data set, checked, split and encoded. `splits` has the samples that were encoded."""

    dataset: Dataset
    splits: Splits
    labels: tuple[str, ...]
    encoder: EncoderSpec
    files: dict[str, bytes]
    train: Examples
    validation: Examples
    test: Examples


def run(recipe: Recipe, data: Path | None, models: Path) -> Path | None:
    """Train `recipe`, publish the bundle under `models`, and return its folder.

    Of several ranks only the leader publishes; the others return nothing.
    """
    check_folder(models)
    prepared = prepare(recipe, data)
    outliers, shown = _outliers(recipe, data, prepared)
    selection, calibration = (
        prepared.validation.select(part) for part in split_validation(prepared.validation.samples)
    )
    network, history = train_network(
        recipe, len(prepared.labels), prepared.train, selection, prepared.files
    )
    held_out = (selection, calibration)
    served, score = _served(recipe, network, prepared.train, held_out, shown)
    model, difference = _exported(served, prepared)
    report = evaluate(probabilities_of(model, prepared.test, PROBABILITIES), prepared.test)
    print(f"test accuracy {100 * report.accuracy:.2f} % on {report.count} untouched samples")
    metrics = [
        *report.measurements("test"),
        parity(difference, "test", min(report.count, 42)),
        *_uncalibrated(network, prepared.test),
        *(trust := assess_reliability(model, score, calibration, prepared.test, outliers)).metrics,
    ]
    sections = _comparisons(recipe, prepared, model, metrics)
    bands = network.bands() if isinstance(network, Banded) else ()
    sections += _explained(model, prepared, bands, metrics)
    if not leads():
        return None
    trained = Trained(
        model, history, report, served.temperature, tuple(metrics), tuple(sections), trust, bands
    )
    return publish_trained(recipe, prepared, trained, _golden(recipe, prepared, report), models)


def _served(
    recipe: Recipe,
    network: torch.nn.Module,
    train: Examples,
    held_out: tuple[Examples, Examples],
    shown: list[Examples] | None,
) -> tuple[Servable, NoveltyScore | None]:
    """Set how sure the network is, and what is unlike its data, by what it did not learn from.

    held_out: the samples that choose, and those that calibrate.
    """
    selection, calibration = held_out
    temperature = fit_temperature(logits_of(network, selection), selection.targets)
    below = node_temperature(network, _with_node_targets(recipe, selection))
    if shown is None:
        return Servable(network, temperature, None, below), None
    head, score = fit_novelty(network, train, calibration, shown)
    return Servable(network, temperature, head, below), score


def _golden(recipe: Recipe, data: Data, report: ClassificationReport) -> list[Golden]:
    """Return the recipe's own cases, else test samples."""
    if recipe.golden:
        return golden_from_files(GOLDEN / recipe.golden)
    return golden_from_samples(data.test, report)


def _outliers(
    recipe: Recipe, given: Path | None, data: Data
) -> tuple[dict[str, Examples], list[Examples] | None]:
    """Return the kinds to measure novelty by, and those to fit it to: None where one is missing."""
    if recipe.outliers is None:
        return {}, []
    encoder = encoder_for(data.encoder, data.files)
    return gather_shown((recipe.outliers, recipe.shown), given, encoder, data.test)


def _exported(served: Servable, data: Data) -> tuple[bytes, float]:
    """Return the graph, and how far it is from torch."""
    specs = data.encoder.tensors()
    longest = np.argsort(data.train.lengths(), kind="stable")[-2:].tolist()
    arrays, _ = data.train.batch(longest)  # the exporter takes an axis of size 1 for fixed
    model = export(served, specs, [torch.from_numpy(array) for array in arrays])
    return model, check_parity(model, served, data.test, specs)


def prepare(recipe: Recipe, data: Path | None) -> Data:
    """Load, deduplicate, split and encode; say what is dropped; raise `BadData`."""
    return arrange(recipe, load(recipe, data))


def load(recipe: Recipe, data: Path | None) -> Dataset:
    """Load and deduplicate; say what is dropped; raise `BadData`."""
    dataset, remarks = deduplicate(recipe.load(data))
    warn_each([*remarks, *check_classes(dataset)])
    return dataset


def arrange(recipe: Recipe, dataset: Dataset) -> Data:
    """Split by the recipe's shares and encode; say what is dropped; raise `BadData`."""
    labels = recipe.labels or tuple(sorted(dataset.counts()))
    splits = split(dataset.samples, recipe.shares)
    if recipe.variants is not None:
        more = [variant for sample in splits.train for variant in recipe.variants(sample)]
        splits = replace(splits, train=[*splits.train, *more])
    spec, files = recipe.prepare(splits.train)
    encoder, specs = encoder_for(spec, files), spec.tensors()
    encoded, unreadable = [], list(dataset.unreadable)
    for part in (splits.train, splits.validation, splits.test):
        examples, lost = encode(encoder, part, labels, specs)
        encoded.append(examples)
        unreadable += lost
    _report(dataset, splits, unreadable)
    if min(len(examples) for examples in encoded) == 0:
        raise BadData(f"{dataset.name}: too few readable samples for three splits")
    for index, label in enumerate(labels):
        if not (encoded[0].targets == index).any():
            raise BadData(f"{dataset.name}: no readable training sample of {label!r}")
    encoded[0] = _with_node_targets(recipe, encoded[0])
    dataset = replace(dataset, unreadable=unreadable)
    splits = Splits(*(examples.samples for examples in encoded))
    return Data(dataset, splits, labels, spec, files, *encoded)


def _with_node_targets(recipe: Recipe, examples: Examples) -> Examples:
    """Return the examples with what they teach beside their labels; of trees at least those."""
    node_targets: Sequence[np.ndarray] = ()
    if recipe.make_node_targets is not None:
        pairs = zip(examples.samples, examples.items, strict=True)
        node_targets = [recipe.make_node_targets(sample, arrays) for sample, arrays in pairs]
    elif is_forest(examples.inputs):
        node_targets = root_node_targets(examples)
    return replace(examples, node_targets=node_targets)


def _report(dataset: Dataset, splits: Splits, unreadable: Sequence[str]) -> None:
    counts = ", ".join(f"{count} {part}" for part, count in splits.counts().items())
    print(f"{dataset.name}: {len(dataset.counts())} labels, {counts}")
    if unreadable:
        warn(f"{len(unreadable)} file(s) cannot be used:")
        warn_each([f"  {line}" for line in unreadable])


def _uncalibrated(network: torch.nn.Module, test: Examples) -> list[Measurement]:
    raw, scores = softmax(logits_of(network, test)), (expected_calibration_error, log_loss)
    names = ("expected calibration error", "negative log-likelihood")
    return [
        Measurement(
            name=f"{name} without temperature",
            value=score(raw, test.targets),
            split="test",
            samples=len(test),
        )
        for name, score in zip(names, scores, strict=True)
    ]


def _comparisons(recipe: Recipe, data: Data, model: bytes, metrics: list[Measurement]) -> list[str]:
    """Take the figures, and run the baseline and leave-one-out trainings, that are asked for."""
    sections = []
    if recipe.figures is not None:
        metrics += recipe.figures(model, data.test, encoder_for(data.encoder, data.files))
    metrics += node_figures(model, _with_node_targets(recipe, data.test), "test")
    if recipe.baseline is not None:
        text, right = recipe.baseline(data.splits)
        accuracy, count = float(right.mean()), len(right)
        name = "accuracy of the baseline"
        metrics.append(Measurement(name=name, value=accuracy, split="test", samples=count))
        sections.append(f"## Baseline\n\n{text}: {100 * accuracy:.2f} % on the same test split.")
    if recipe.leave_one_out is not None:
        figures, section = leave_one_out(
            recipe, (data.train, data.validation, data.test), data.labels, data.files
        )
        metrics += figures
        sections += [section] if section else []
    return sections


def _explained(
    model: bytes, data: Data, bands: tuple[float, ...], metrics: list[Measurement]
) -> list[str]:
    """Test whether what the graph calls salient matters, on the test split."""
    rate = data.encoder.rate if isinstance(data.encoder, AudioSpec) else 0
    found = deletion_test(model, data.test.items, data.encoder.tensors(), bands, rate)
    if found is None:
        return []
    print(found)
    metrics += found.measurements("test")
    return [f"## Explanation\n\nDeletion test: {found}."]


__all__ = ["Data", "History", "arrange", "load", "prepare", "run"]
