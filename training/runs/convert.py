"""A published bundle → its next version in int8 or fp16, where that pays.

The card says what it gains and loses: the time of a run, interleaved with runs of the float32
graph, and the answers on the test split of the bundle's own data, or, for a pretrained network, on
unlabelled pictures. Label sets and the threshold of novelty are set again on the samples that set
the old ones. Nothing is published when the graph is not faster, when it loses more than
`ConversionLimits` allow, or when a golden case gets another label. Golden cases are replayed where
the bundle is served, within the largest difference that the conversion made to one of them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.bundle import Bundle, Provenance
from app.bundle.files import MODEL
from app.bundle.tensors import Arrays
from app.errors import InvalidInput
from app.modalities import Encoder, Payload, encoder_for
from app.pipeline.replay import golden_payload
from app.runtime.providers import Device
from app.runtime.session import Session
from training.data.reading.options import ReadingOptions
from training.data.sources import warn
from training.data.split import split_validation
from training.data.split_record import SPLIT, recorded_shares
from training.datasets.package_photos import cuts, from_folder, photos
from training.errors import TrainingError
from training.exporting.card.data import CardData, parse_sections
from training.exporting.graph import feeds_for
from training.exporting.precision import Precision, convert
from training.measuring.conversion_metrics import (
    ConversionData,
    ConversionResult,
    compare_conversion,
)
from training.measuring.evaluate import classifier_outputs, stored_confusion
from training.recipes import RECIPES, AnyRecipe
from training.recipes.auto import auto_recipe
from training.recipes.recipe import Pretrained, Recipe
from training.runs.next_version import publish_next
from training.runs.prepare import prepare
from training.runs.publish import check_destination

_LOG = logging.getLogger(__name__)
_DEFAULT = ReadingOptions()
_CALIBRATION, _BATCH = 256, 32  # items, and how many at once
_CUTS = 100  # of each photo
_LOOSEST = 0.1  # that a manifest allows


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """When a conversion is published, and where its speed is measured.

    accuracy, disagreement: the shares that may be lost, on labelled data or else on pictures.
    slower: whether it may be.
    """

    accuracy: float = 0.005
    disagreement: float = 0.1
    slower: bool = False
    device: Device = "auto"


def publish_converted(
    bundle: Bundle,
    precision: Precision,
    data: Path | None,
    models: Path,
    limits: ConversionLimits,
    options: ReadingOptions = _DEFAULT,
) -> Path:
    """Convert, measure, prove, and write the next version; return its folder.

    Raises `TrainingError` where it does not pay, `GoldenMismatch` where an answer changes.
    """
    old = bundle.manifest
    check_destination(models, old.name)
    if old.task != "classify":
        raise TrainingError(f"{old.name} does not classify; only classifiers are converted")
    if old.precision != "float32":
        raise TrainingError(f"{old.name}/{old.version} is {old.precision} already")
    items = items_for(bundle, data, options)
    batches = [
        feeds_for(old, items.calibration[i : i + _BATCH])
        for i in range(0, len(items.calibration), _BATCH)
    ]
    model = convert(bundle.model, precision, batches)
    result = compare_conversion(bundle, model, items, limits.device)
    for measured in result.metrics:
        _LOG.info("%s: %.4f (%s)", measured.name, measured.value, measured.split)
    _check(result, items, limits)
    return _publish(bundle, model, precision, result, models)


def items_for(
    bundle: Bundle, data: Path | None, options: ReadingOptions = _DEFAULT
) -> ConversionData:
    """Return the items that calibrate the conversion and test it; raise `TrainingError`."""
    manifest = bundle.manifest
    recipe = _recipe(manifest.provenance)
    encoder = encoder_for(manifest.encoder, bundle.files)
    if recipe is None and data is None:
        raise TrainingError(f"name the data that {manifest.name} was trained on with --data")
    if isinstance(recipe, Pretrained):
        return _unlabelled(encoder, data)
    if recipe is None and data is not None:
        recipe = auto_recipe(data, manifest.name, options=options)
        shares = recorded_shares(recipe.shares, bundle.files.get(SPLIT))
        named = manifest.encoder.model_dump().values()  # the files that its encoder needs
        files = {name: content for name, content in bundle.files.items() if name in named}
        spec = manifest.encoder  # that of the start that was chosen
        recipe = replace(recipe, shares=shares, prepare=lambda _: (spec, files))
    assert isinstance(recipe, Recipe)  # the bundle classifies
    prepared = prepare(recipe, data)
    if prepared.dataset.sha256 != manifest.provenance.data_sha256:
        raise TrainingError(
            f"{manifest.name}/{manifest.version} was trained on other data: what would be its "
            "test split may have been learnt"
        )
    if (prepared.encoder, prepared.labels) != (manifest.encoder, manifest.labels):
        raise TrainingError(f"{manifest.provenance.recipe} is no longer what made this bundle")
    spread = np.linspace(0, len(prepared.train) - 1, min(_CALIBRATION, len(prepared.train)))
    return ConversionData(
        prepared.train.select(spread.astype(int).tolist()).items,
        prepared.test.items,
        "test",
        prepared.test.targets,
        prepared.validation.select(
            split_validation(prepared.validation.samples, recipe.shares.rule)[1]
        ),
    )


def _recipe(provenance: Provenance) -> AnyRecipe | None:
    """Return the recipe that made a bundle; None for the user's own data and after a transfer."""
    return None if provenance.source else RECIPES.get(provenance.recipe)


def _unlabelled(encoder: Encoder, data: Path | None) -> ConversionData:
    if data is None:
        first, second = (cuts(sources, _CUTS, seed=1) for sources in photos())
        split = "cuts of photos"
    else:
        payloads = from_folder(data)
        first, second, split = payloads[::2], payloads[1::2], "files given"
    parts = [_encoded(encoder, payloads) for payloads in (first, second)]
    if not all(parts):
        raise TrainingError(f"{data} holds too few files that can be read")
    return ConversionData(parts[0][:_CALIBRATION], parts[1], split)


def _encoded(encoder: Encoder, payloads: Sequence[Payload]) -> list[Arrays]:
    items = []
    for payload in payloads:
        try:
            items.append(encoder.encode(payload).arrays)
        except InvalidInput:
            continue
    return items


def _check(result: ConversionResult, items: ConversionData, limits: ConversionLimits) -> None:
    most = limits.disagreement if items.targets is None else limits.accuracy
    what = "of the answers change" if items.targets is None else "of accuracy is lost"
    if result.lost > most:
        raise TrainingError(
            f"{100 * result.lost:.2f} % {what}, more than {100 * most:g} %; nothing is published"
        )
    if result.speed <= 1 and not limits.slower:
        raise TrainingError(
            f"it is {result.speed:.2f} times as fast as float32 here, so it does not pay; "
            "--force publishes it nevertheless"
        )


def _publish(
    bundle: Bundle, model: bytes, precision: Precision, result: ConversionResult, models: Path
) -> Path:
    old = bundle.manifest
    changes = {
        "precision": precision,
        "tolerance": _tolerance(bundle, model),
        "metrics": result.metrics,
        "conformal": result.conformal,
        "novelty": result.novelty,
        "confidence": None,
    }
    if old.confidence is not None:
        warn(
            f"the conversion does not keep the promise of a precision of "
            f"{100 * old.confidence.precision:g} %; thalamus-train calibrate sets it anew"
        )
    text = (
        f"## Precision\n\nVersion {old.version} in {precision}, by `thalamus-train quantize "
        f"{old.name} --precision {precision}`. That version's card describes the training."
    )
    card = CardData(
        reliability=result.reliability,
        confusion=() if result.confusion is None else stored_confusion(result.confusion),
        sections=parse_sections(text),
    )
    return publish_next(bundle, changes, {MODEL: model}, card, models)


def _tolerance(bundle: Bundle, model: bytes) -> float:
    """Return the largest difference from the published answer that another machine may have.

    Processors round integers differently, but by no more than the conversion did here.
    """
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    items = [encoder.encode(golden_payload(bundle, case)).arrays for case in bundle.golden]
    before, after = (
        classifier_outputs(bundle.manifest, Session(graph), items).probabilities
        for graph in (bundle.model, model)
    )
    difference = float(np.abs(before - after).max())
    return min(max(bundle.manifest.tolerance, difference), _LOOSEST)
