"""A user's labelled files, encoded as a published bundle encodes them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from app.bundle import Bundle, Manifest
from app.modalities import encoder_for
from training.data.dataset import Dataset
from training.data.duplicates import deduplicate
from training.data.encode import Examples, encode
from training.data.reading.kinds import SampleKind
from training.data.reading.options import ReadingOptions
from training.data.reading.read import read_samples
from training.data.sources import warn, warn_each
from training.errors import BadData, TrainingError

_SHOWN = 5  # labels that are named


def read(
    bundle: Bundle,
    data: Path,
    kinds: Iterable[SampleKind],
    options: ReadingOptions = ReadingOptions(),
) -> tuple[str, Examples]:
    """Return the name of the data and the samples without duplicates; warn of what is dropped.

    data: a folder, a table or an archive; see `training.data.reading`.
    kinds: the modalities whose files are read.
    Raises `TrainingError` where the bundle is no classifier, and `BadData` where the files have
    labels that the bundle lacks, are its training data, or hold no readable sample.
    """
    manifest = bundle.manifest
    if manifest.task != "classify":
        raise TrainingError(f"{manifest.name} does not classify; labelled files cannot measure it")
    dataset, remarks = deduplicate(read_samples(data, kinds, options))
    _check(dataset, manifest)
    encoder = encoder_for(manifest.encoder, bundle.files, bundle.registry.modalities)
    specs = manifest.encoder.tensors()
    examples, unreadable = encode(encoder, dataset.samples, manifest.labels, specs)
    warn_each([*remarks, *dataset.unreadable, *unreadable])
    if not len(examples):
        raise BadData(f"{data}: no sample that {manifest.name} can read")
    return dataset.name, examples


def _check(dataset: Dataset, manifest: Manifest) -> None:
    if dataset.sha256 == manifest.provenance.data_sha256:
        raise BadData(
            f"{dataset.name}: {manifest.name}/{manifest.version} was trained on these very files; "
            "figures on its training data say nothing about new data"
        )
    foreign = sorted(set(dataset.counts()) - set(manifest.labels))
    if foreign:
        raise BadData(
            f"{dataset.name}: {manifest.name} has no label {_some(foreign)}; its labels are "
            f"{_some(manifest.labels)}"
        )
    missing = [label for label in manifest.labels if label not in dataset.counts()]
    if missing:
        warn(f"{dataset.name} has no samples of {_some(missing)}")


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return ", ".join(repr(label) for label in labels[:_SHOWN]) + more
