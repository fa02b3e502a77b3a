"""What a recipe says. It is data; `training.runs.classifier` does the work."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import nn

from app.bundle import EncoderSpec, Measurement
from app.bundle.tensors import Arrays
from app.modalities import Encoder
from training.data.dataset import Dataset, Sample
from training.data.encode import Examples
from training.data.split import Shares, Splits
from training.fitting.curve import History
from training.fitting.fit import Augment, Schedule
from training.measuring.few_labels import Study
from training.networks.recurrent.language import WordLSTM
from training.outliers import OutlierKinds

# What the training samples determine: the encoder, and the files it needs in the bundle.
Prepare = Callable[[Sequence[Sample]], tuple[EncoderSpec, dict[str, bytes]]]
# Other forms of a training sample to train on as well (never of a tested one).
Variants = Callable[[Sample], Sequence[Sample]]
# What a network knows before it is trained, put into it; from the bundle's files.
Start = Callable[[nn.Module, Mapping[str, bytes]], None]
# How the network learns from training and validation samples, where not all of it by `fit`.
Learn = Callable[[nn.Module, Examples, Examples, "Recipe"], History]
# What is done once to a trained network, before anything is measured of it.
Finish = Callable[[nn.Module], None]
# What an encoded training sample teaches beside its label: one for every node of a tree.
MakeNodeTargets = Callable[[Sample, Arrays], np.ndarray]
# More figures of the exported graph on the encoded test split.
Figures = Callable[[bytes, Examples, Encoder], list[Measurement]]
# A plain method to compare with: a line for the card, and whether it calls each test sample
# rightly, bool (samples,).
Baseline = Callable[[Splits], tuple[str, np.ndarray]]

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network trained on a data set."""

    name: str
    description: str
    load: Callable[[Path | None], Dataset]
    prepare: Prepare
    network: Callable[[int], nn.Module]  # number of labels → network
    schedule: Schedule
    augment: Augment | None = None
    study: Study | None = None  # of what a network learnt without labels, by classifying with few
    variants: Variants | None = None
    start: Start | None = None
    learn: Learn | None = None
    finish: Finish | None = None
    make_node_targets: MakeNodeTargets | None = None
    labels: tuple[str, ...] = ()  # in this order; else sorted
    shares: Shares = field(default_factory=Shares)
    figures: Figures | None = None
    baseline: Baseline | None = None
    outliers: OutlierKinds | None = None  # kinds of data to measure novelty by
    shown: tuple[str, ...] = ()  # the kinds that the novelty score is fitted to
    leave_one_out: str | None = None  # what a group is called, when groups are held out in turn
    member: Callable[[int], nn.Module] | None = None  # of an ensemble, what is trained for that
    golden: str | None = None  # folder of payloads under training/golden; else from the test split
    licence: str = "Apache-2.0"
    made_by: str | None = None  # arguments of `thalamus-train run`, where not the name
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A network whose weights somebody else trained and published."""

    name: str
    description: str
    network: Callable[[], nn.Module]
    labels: Callable[[], tuple[str, ...]]
    encoder: EncoderSpec
    golden: str
    source: str
    data: str
    data_licence: str
    weights_sha256: str
    pictures: Callable[[], Dataset] | None = None  # such as it was trained on
    unseen: Callable[[], Dataset] | None = None  # such as it was not trained on, with its labels
    aside: Callable[[], Dataset] | None = None  # the same, and nothing is set by them
    outliers: OutlierKinds | None = None  # kinds of pictures to measure novelty by
    shown: tuple[str, ...] = ()  # the kinds that the novelty score is fitted to
    licence: str = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class Language:
    """A network that learns to predict the next word of documents.

    `vocabulary` words are known; it learns from passages of `passage` words. Of a text the last
    `max_words` are read in serving.
    """

    name: str
    description: str
    load: Callable[[Path | None], Dataset]
    network: Callable[[], WordLSTM]
    schedule: Schedule
    vocabulary: int
    passage: int
    max_words: int
    golden: str
    start: Callable[[WordLSTM, Sequence[str]], None] | None = None  # of the vocabulary
    shares: Shares = field(default_factory=Shares)
    baseline: bool = True  # whether KenLM's Kneser-Ney is measured on the same words
    licence: str = "Apache-2.0"
    seed: int = 1
