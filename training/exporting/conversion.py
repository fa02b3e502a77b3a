"""A published bundle → its next version in int8 or fp16, where it pays.

What it gains and loses is measured here and told in the card: the time of a run, interleaved with
that of the float32 graph, and the answers, on the untouched test split of the very data the
bundle was trained on, or, for a network that came trained, on unlabelled pictures. It is not
published when it is not faster, when it errs or differs more than `Bounds` allow, or when a
golden case is called something else. Wherever it is served its golden cases judge it again, within
the largest difference that the conversion itself made to one of them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.bundle import Bundle, GoldenClasses, Manifest, Measurement, read_bundle, versions
from app.bundle.files import MODEL
from app.bundle.publish import next_version
from app.engine.collate import Arrays, collate
from app.engine.providers import CPU, Device
from app.engine.session import Session
from app.errors import InvalidInput
from app.inputs import Encoder, Payload, encoder_for
from app.pipeline import Golden
from app.pipeline.replay import golden_payload
from training.data.photos import cuts, from_folder, photos
from training.errors import TrainingError
from training.exporting.card import CARD, CONFUSION, card, draw_confusion
from training.exporting.export import OUTPUT
from training.exporting.precision import Feeds, Precision, convert
from training.exporting.publish import check_folder, prove_and_publish
from training.measuring.calibrate import expected_calibration_error
from training.recipes import RECIPES, Pretrained
from training.recipes.own import own_recipe
from training.run import prepare

_CALIBRATION, _BATCH = 256, 32  # items, and how many at once
_CUTS = 100  # of each photo
_LOOSEST = 0.1  # that a manifest allows
_ROUNDS, _SIZES = 40, (1, 8)  # runs of each graph, and items in a run


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a conversion may lose: accuracy on labelled data, else agreement on pictures."""

    accuracy: float = 0.005
    disagreement: float = 0.1
    slower: bool = False  # whether it may be


@dataclass(frozen=True, slots=True)
class Items:
    """Encoded items to calibrate with and others to judge by; `targets` where there are labels."""

    calibration: Sequence[Arrays]
    test: Sequence[Arrays]
    targets: np.ndarray | None
    split: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the conversion brought: figures for the card, and the confusion where labels are."""

    metrics: tuple[Measurement, ...]
    speed: float
    lost: float
    confusion: np.ndarray | None


def publish_converted(
    bundle: Bundle,
    precision: Precision,
    data: Path | None,
    models: Path,
    bounds: Bounds,
    device: Device = "auto",
) -> Path:
    """Convert, measure, prove, and write the next version; return its folder.

    Raises `TrainingError` where it does not pay, `GoldenMismatch` where an answer changes.
    """
    check_folder(models)
    old = bundle.manifest
    if old.task != "classify":
        raise TrainingError(f"{old.name} does not classify; only classifiers are converted")
    if old.precision != "float32":
        raise TrainingError(f"{old.name}/{old.version} is {old.precision} already")
    if old.task != "classify":
        raise TrainingError(f"{old.name} does not classify; what is converted are classifiers")
    items = items_for(bundle, data)
    batches = [
        _feeds(old, items.calibration[i : i + _BATCH])
        for i in range(0, len(items.calibration), _BATCH)
    ]
    model = convert(bundle.model, precision, batches)
    judged = judge(bundle, model, items, device)
    for measured in judged.metrics:
        print(f"{measured.name}: {measured.value:.4f} ({measured.split})")
    _check(judged, items, bounds)
    return _publish(bundle, model, precision, judged, models)


def newest(models: Path, name: str, version: int | None) -> Bundle:
    """Return a published bundle, by default the highest version; raise `TrainingError`."""
    folder = models / name
    found = versions(folder) if folder.is_dir() else {}
    if not found or version not in (None, *found):
        raise TrainingError(f"{models} holds no {name}" + (f"/{version}" if version else ""))
    return read_bundle(found[version or max(found)])


def items_for(bundle: Bundle, data: Path | None) -> Items:
    """Return what the bundle is calibrated with and judged by; raise `TrainingError`."""
    manifest = bundle.manifest
    recipe = RECIPES.get(manifest.provenance.recipe)
    encoder = encoder_for(manifest.encoder, bundle.files)
    if recipe is None and data is None:
        raise TrainingError(f"name the data that {manifest.name} was trained on with --data")
    if isinstance(recipe, Pretrained):
        return _unlabelled(encoder, data)
    prepared = prepare(recipe or own_recipe(data, manifest.name), data)  # type: ignore[arg-type]
    if prepared.dataset.sha256 != manifest.provenance.data_sha256:
        raise TrainingError(
            f"{manifest.name}/{manifest.version} was trained on other data: what would be its "
            "test split may have been learnt"
        )
    if (prepared.encoder, prepared.labels) != (manifest.encoder, manifest.labels):
        raise TrainingError(f"{manifest.provenance.recipe} is no longer what made this bundle")
    spread = np.linspace(0, len(prepared.train) - 1, min(_CALIBRATION, len(prepared.train)))
    calibration = prepared.train.select(spread.astype(int).tolist()).items
    return Items(calibration, prepared.test.items, prepared.test.targets, "test")


def judge(bundle: Bundle, model: bytes, items: Items, device: Device) -> Judged:
    """Measure the converted graph beside the published one."""
    manifest, sessions = bundle.manifest, [Session(m, device) for m in (bundle.model, model)]
    sessions[1].check(manifest.inputs, manifest.outputs)
    before, after = (_probabilities(manifest, session, items.test) for session in sessions)
    figures = {
        "largest difference of a probability from float32": float(np.abs(before - after).max()),
        "called the same as by float32": float((before.argmax(1) == after.argmax(1)).mean()),
    }
    lost, confusion = 1 - figures["called the same as by float32"], None
    if items.targets is not None:
        right = [float((p.argmax(1) == items.targets).mean()) for p in (before, after)]
        figures = {
            "accuracy": right[1],
            "accuracy in float32": right[0],
            "expected calibration error": expected_calibration_error(after, items.targets),
            **figures,
        }
        lost = right[0] - right[1]
        confusion = np.zeros((len(manifest.labels),) * 2, dtype=np.int64)
        np.add.at(confusion, (items.targets, after.argmax(1)), 1)
    metrics = [
        Measurement(name=name, value=value, split=items.split, samples=len(items.test))
        for name, value in figures.items()
    ]
    clock = "CPU time, one thread" if sessions[0].provider == CPU else sessions[0].provider
    speeds = {size: speed_up(manifest, sessions, items.test[:size]) for size in _SIZES}
    for size, ratio in speeds.items():
        name = f"times as fast as float32, {size} item{'s' if size > 1 else ''} a run"
        metrics.append(Measurement(name=name, value=ratio, split=clock, samples=_ROUNDS))
    name, share = "size of the graph against float32", len(model) / len(bundle.model)
    metrics.append(Measurement(name=name, value=share, split="bytes", samples=len(model)))
    return Judged(tuple(metrics), speeds[1], lost, confusion)


def speed_up(manifest: Manifest, sessions: Sequence[Session], items: Sequence[Arrays]) -> float:
    """Return how many times as fast the second of two sessions runs a batch as the first.

    The median of `_ROUNDS` runs of each in turn: of this process's CPU seconds on a CPU, which
    others' load does not lengthen, else of seconds.
    """
    feeds = _feeds(manifest, items)
    clock = time.process_time if sessions[0].provider == CPU else time.perf_counter
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS + 5):
        for session, seconds in zip(sessions, taken, strict=True):
            begun = clock()
            session.run(feeds)
            if number >= 5:  # warm by then
                seconds.append(clock() - begun)
    return float(np.median(taken[0]) / np.median(taken[1]))


def _unlabelled(encoder: Encoder, data: Path | None) -> Items:
    if data is None:
        first, second = (cuts(sources, _CUTS, seed=1) for sources in photos())
        split = "cuts of photos"
    else:
        payloads = from_folder(data)
        first, second, split = payloads[::2], payloads[1::2], "files given"
    parts = [_encoded(encoder, payloads) for payloads in (first, second)]
    if not all(parts):
        raise TrainingError(f"{data} holds too few files that can be read")
    return Items(parts[0][:_CALIBRATION], parts[1], None, split)


def _encoded(encoder: Encoder, payloads: Sequence[Payload]) -> list[Arrays]:
    items = []
    for payload in payloads:
        try:
            items.append(encoder.encode(payload).arrays)
        except InvalidInput:
            continue
    return items


def _feeds(manifest: Manifest, items: Sequence[Arrays]) -> Feeds:
    arrays = collate(items, manifest.encoder.tensors())
    names = (spec.name for spec in manifest.inputs)
    return dict(zip(names, arrays.values(), strict=True))


def _probabilities(manifest: Manifest, session: Session, items: Sequence[Arrays]) -> np.ndarray:
    starts = range(0, len(items), _BATCH)
    return np.concatenate(
        [session.run(_feeds(manifest, items[i : i + _BATCH]))[OUTPUT] for i in starts]
    )


def _check(judged: Judged, items: Items, bounds: Bounds) -> None:
    most = bounds.disagreement if items.targets is None else bounds.accuracy
    what = "of the answers change" if items.targets is None else "of accuracy is lost"
    if judged.lost > most:
        raise TrainingError(
            f"{100 * judged.lost:.2f} % {what}, more than {100 * most:g} %; nothing is published"
        )
    if judged.speed <= 1 and not bounds.slower:
        raise TrainingError(
            f"it is {judged.speed:.2f} times as fast as float32 here, so it does not pay; "
            "--force publishes it nevertheless"
        )


def _publish(
    bundle: Bundle, model: bytes, precision: Precision, judged: Judged, models: Path
) -> Path:
    old = bundle.manifest
    manifest = old.model_copy(
        update={
            "version": next_version(models, old.name),
            "precision": precision,
            "tolerance": _tolerance(bundle, model),
            "metrics": judged.metrics,
            "conformal": None,  # thresholds that were set on the other graph's answers
            "novelty": None,
            "files": {},
        }
    )
    files = {
        name: content
        for name, content in bundle.files.items()
        if not name.startswith("golden/") and not name.endswith((".png", ".md"))
    }
    files[MODEL] = model
    images = {}
    if judged.confusion is not None and CONFUSION in bundle.files:
        images[CONFUSION] = draw_confusion(judged.confusion, old.labels)
    text = (
        f"## Precision\n\nVersion {old.version} in {precision}, by `thalamus-train publish "
        f"{old.name} --precision {precision}`; how it was trained stands in that version's card."
    )
    files |= {CARD: card(manifest, [text], list(images)), **images}
    golden = [
        Golden(
            case.file,
            golden_payload(bundle, case),
            max(case.probabilities, key=lambda label: case.probabilities[label]),
            case.note,
        )
        for case in bundle.golden
        if isinstance(case, GoldenClasses)
    ]
    return prove_and_publish(manifest, files, golden, models)


def _tolerance(bundle: Bundle, model: bytes) -> float:
    """Return how far an answer may lie from the published one on another machine.

    Processors round whole numbers differently; by no more than the conversion did here.
    """
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    items = [encoder.encode(golden_payload(bundle, case)).arrays for case in bundle.golden]
    before, after = (
        _probabilities(bundle.manifest, Session(graph), items) for graph in (bundle.model, model)
    )
    difference = float(np.abs(before - after).max())
    return min(max(bundle.manifest.tolerance, difference), _LOOSEST)
