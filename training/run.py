"""One run: data → splits → arrays → network → calibration → graph → bundle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from app.bundle import EncoderSpec, Measurement
from app.inputs import encoder_for
from training.calibrate import expected_calibration_error, fit_temperature, softmax
from training.data.dataset import Dataset
from training.data.encode import Examples, encode
from training.data.sources import warn
from training.data.split import Splits, check_classes, deduplicate, split
from training.errors import BadData
from training.evaluate import Report, evaluate, logits_of, probabilities_of
from training.export import OUTPUT, Servable, check_parity, export
from training.fit import History
from training.leave_one_out import leave_one_out
from training.publish import (
    Trained,
    check_folder,
    golden_from_files,
    golden_from_samples,
    publish_trained,
)
from training.recipes.recipe import GOLDEN, Recipe
from training.train import train_network

_SHOWN = 20  # warnings of a kind, and files that cannot be used, named one by one


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


def run(recipe: Recipe, data: Path | None, models: Path) -> Path:
    """Train `recipe`, publish the bundle under `models`, and return its folder."""
    check_folder(models)
    prepared = prepare(recipe, data)
    network, history = train_network(
        recipe, len(prepared.labels), prepared.train, prepared.validation, prepared.files
    )
    logits = logits_of(network, prepared.validation)
    temperature = fit_temperature(logits, prepared.validation.targets)
    specs = prepared.encoder.tensors()
    served = Servable(network, temperature)
    longest = np.argsort(prepared.train.lengths(), kind="stable")[-2:].tolist()
    arrays, _ = prepared.train.batch(longest)  # the exporter takes an axis of size 1 for fixed
    model = export(served, specs, [torch.from_numpy(array) for array in arrays])
    difference = check_parity(model, served, prepared.test, specs)
    report = evaluate(
        probabilities_of(model, prepared.test, OUTPUT), prepared.test, prepared.labels
    )
    print(f"test accuracy {100 * report.accuracy:.2f} % on {report.count} untouched samples")
    metrics = [
        *_figures(report, difference),
        *_uncalibrated(network, prepared.test),
    ]
    sections = _comparisons(recipe, prepared, model, metrics)
    trained = Trained(model, history, report, temperature, tuple(metrics), tuple(sections))
    golden = (
        golden_from_files(GOLDEN / recipe.golden)
        if recipe.golden
        else golden_from_samples(prepared.test, report)
    )
    return publish_trained(recipe, prepared, trained, golden, models)


def prepare(recipe: Recipe, data: Path | None) -> Data:
    """Load, deduplicate, split and encode; say what is dropped; raise `BadData`."""
    return arrange(recipe, load(recipe, data))


def load(recipe: Recipe, data: Path | None) -> Dataset:
    """Load and deduplicate; say what is dropped; raise `BadData`."""
    dataset, remarks = deduplicate(recipe.load(data))
    _warn_each([*remarks, *check_classes(dataset)])
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
    if recipe.teach is not None:
        taught = zip(encoded[0].samples, encoded[0].items, strict=True)
        lessons = [recipe.teach(sample, arrays) for sample, arrays in taught]
        encoded[0] = replace(encoded[0], lessons=lessons)
    dataset = replace(dataset, unreadable=unreadable)
    splits = Splits(*(examples.samples for examples in encoded))
    return Data(dataset, splits, labels, spec, files, *encoded)


def _report(dataset: Dataset, splits: Splits, unreadable: Sequence[str]) -> None:
    counts = ", ".join(f"{count} {part}" for part, count in splits.counts().items())
    print(f"{dataset.name}: {len(dataset.counts())} labels, {counts}")
    if unreadable:
        warn(f"{len(unreadable)} file(s) cannot be used:")
        _warn_each([f"  {line}" for line in unreadable])


def _warn_each(lines: Sequence[str]) -> None:
    for line in lines[:_SHOWN]:
        warn(line)
    if len(lines) > _SHOWN:
        warn(f"  … and {len(lines) - _SHOWN} more")


def _figures(report: Report, difference: float) -> list[Measurement]:
    return [
        Measurement(name="accuracy", value=report.accuracy, split="test", samples=report.count),
        Measurement(
            name="expected calibration error",
            value=report.calibration_error,
            split="test",
            samples=report.count,
        ),
        Measurement(
            name="largest difference torch to ONNX Runtime",
            value=difference,
            split="test",
            samples=min(report.count, 42),
        ),
    ]


def _uncalibrated(network: torch.nn.Module, test: Examples) -> list[Measurement]:
    raw = expected_calibration_error(softmax(logits_of(network, test)), test.targets)
    name = "expected calibration error without temperature"
    return [Measurement(name=name, value=raw, split="test", samples=len(test))]


def _comparisons(recipe: Recipe, data: Data, model: bytes, metrics: list[Measurement]) -> list[str]:
    """Take the figures, and run the baseline and leave-one-out trainings, that are asked for."""
    sections = []
    if recipe.figures is not None:
        metrics += recipe.figures(model, data.test, encoder_for(data.encoder, data.files))
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


__all__ = ["Data", "History", "arrange", "load", "prepare", "run"]
