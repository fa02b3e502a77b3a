"""What a recipe says. It is data; `training.runs` does the work, by the recipe's `task`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from torch import nn

from app.bundle import EncoderSpec, Measurement
from app.bundle.tensors import Arrays
from app.modalities import Encoder
from training.data.dataset import Dataset, Sample
from training.data.encode import Examples
from training.data.split import Shares, Splits
from training.exporting.card.data import Headline
from training.fitting.curve import History
from training.fitting.fit import Augment, Schedule
from training.measuring.few_labels import Study
from training.modalities import Prepare
from training.networks.recurrent.language import WordLSTM
from training.outliers import OutlierKinds
from training.recipes.summary import RecipeSummary

# Other forms of a training sample to train on as well (never of a tested one).
Variants = Callable[[Sample], Sequence[Sample]]
# Sets weights or buffers of a new network before the training, from the bundle's files.
Initialise = Callable[[nn.Module, Mapping[str, bytes]], None]
# Trains the network on training and validation samples, where `fit` alone does not.
Learn = Callable[[nn.Module, Examples, Examples, "Recipe"], History]
# Changes a trained network once, before anything is measured.
Finish = Callable[[nn.Module], None]
# Returns a target for every node of an encoded training sample's tree, int64 (nodes,).
MakeNodeTargets = Callable[[Sample, Arrays], np.ndarray]
# More figures of the exported graph on the encoded test split.
Figures = Callable[[bytes, Examples, Encoder], list[Measurement]]
# Trains a baseline; returns a line for the card, and which test samples it predicts correctly,
# bool (samples,).
Baseline = Callable[[Splits], tuple[str, np.ndarray]]

GOLDEN = Path(__file__).parent.parent / "golden"


Start = Literal["linear", "scratch", "pretrained", "features"]


@dataclass(frozen=True, slots=True)
class Lineage:
    """How a recipe was asked for; the bundle's provenance keeps it.

    recipe: the recipe's name, where the model has another name. data_path: the name of the folder
    or table of the user's own data. start: which weights the network has before the training,
    see `training.transfer`. source: the trained network that these weights come from.
    comparison: of the candidates of `--start auto`, a Markdown table. learning_rate: that of the
    schedule, where somebody or a search has set it.
    """

    recipe: str | None = None
    data_path: str | None = None
    start: Start = "scratch"
    source: str | None = None
    comparison: str | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Demands:
    """What a classifier must reach, or else is not published.

    target_precision: of its answers, 0..1; it abstains from the others. forced: it is published
    whatever it is worth, with a warning in its card.
    """

    target_precision: float | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network trained on a data set, with labels (`classify`) or without (`reconstruct`)."""

    name: str
    description: str
    load: Callable[[Path | None], Dataset]
    prepare: Prepare
    network: Callable[[int], nn.Module]  # number of labels → network
    schedule: Schedule
    augment: Augment | None = None
    task: Literal["classify", "reconstruct"] = "classify"
    study: Study | None = None  # how well few labels suffice after a training without labels
    variants: Variants | None = None
    initialise: Initialise | None = None
    learn: Learn | None = None
    finish: Finish | None = None
    make_node_targets: MakeNodeTargets | None = None
    labels: tuple[str, ...] = ()  # in this order; else sorted
    shares: Shares = field(default_factory=Shares)
    figures: Figures | None = None
    baseline: Baseline | None = None
    outliers: OutlierKinds | None = None  # kinds of data to measure novelty by, or to fit it to
    train_outliers: tuple[str, ...] = ()  # the kinds that the novelty score is fitted to
    leave_one_out: str | None = None  # the word for a group, when groups are held out in turn
    member: Callable[[int], nn.Module] | None = None  # one network of an ensemble, for that
    golden: str | None = None  # folder of payloads under training/golden; else from the test split
    headline: Headline | None = None  # the figure that the card opens with; else the accuracy
    limits: tuple[str, ...] = ()  # what the model does not do: see `CardData.limits`
    licence: str = "Apache-2.0"
    lineage: Lineage = field(default_factory=Lineage)
    loaded: Dataset | None = None  # what `load` gives, if it is checked already
    demands: Demands = field(default_factory=Demands)
    seed: int = 1
    kept_order: bool = False  # of batches: see `training.exporting.graph.kept_order`

    @property
    def is_own_data(self) -> bool:
        """Whether it is for the user's own files, which nobody has looked at."""
        return self.lineage.data_path is not None

    def summary(self) -> RecipeSummary:
        """Return what the command line must know of the recipe."""
        baseline, study = self.baseline is not None, self.study is not None
        return RecipeSummary(self.name, self.task, self.description, baseline, study)


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A network whose weights somebody else trained and published; it is exported as it is."""

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
    task: Literal["export"] = "export"
    in_distribution: Callable[[], Dataset] | None = None  # pictures like its training data
    calibration_set: Callable[[], Dataset] | None = None  # labelled ones that it never saw
    held_out: Callable[[], Dataset] | None = None  # further ones, by which nothing is set
    outliers: OutlierKinds | None = None  # kinds of pictures to measure novelty by, or to fit it to
    train_outliers: tuple[str, ...] = ()  # the kinds that the novelty score is fitted to
    headline: Headline | None = None  # see `Recipe`
    limits: tuple[str, ...] = ()
    licence: str = "Apache-2.0"

    def summary(self) -> RecipeSummary:
        """Return what the command line must know of the recipe."""
        return RecipeSummary(self.name, self.task, self.description)


@dataclass(frozen=True, slots=True)
class Language:
    """A network that learns to predict the next word of documents.

    The vocabulary has `vocabulary` words; the training passages have `passage` words each. In
    serving the network reads the last `max_words` words of a text.
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
    task: Literal["complete"] = "complete"
    initialise: Callable[[WordLSTM, Sequence[str]], None] | None = None  # from the vocabulary
    shares: Shares = field(default_factory=Shares)
    baseline: bool = True  # whether KenLM's Kneser-Ney is measured on the same words
    headline: Headline | None = None  # see `Recipe`
    limits: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    lineage: Lineage = field(default_factory=Lineage)
    seed: int = 1

    def summary(self) -> RecipeSummary:
        """Return what the command line must know of the recipe."""
        return RecipeSummary(self.name, self.task, self.description)


AnyRecipe = Recipe | Language | Pretrained
