"""The options of `thalamus-train`, in groups: what it takes, not what it does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from app.command_line import decimal, whole
from training.data.reading.options import ReadingOptions, TextCase

NETWORKS = ("imagenet", "minilm")  # that Python packages carry: `training.transfer.PACKAGES`

_DATA = Group("Data and model", sort_key=1)
_READING = Group("Tables and texts", sort_key=2)
_START = Group("Start", sort_key=2)
_TRAINING = Group("Training", sort_key=3)
_PUBLICATION = Group("Publication", sort_key=4)
_PROCESSES = Group("Processes and checkpoints", sort_key=5)
_BUNDLE = Group("Bundle", sort_key=1)
_BOUNDS = Group("Limits of the conversion", sort_key=2)

RecipeName = Annotated[
    str | None,
    Parameter(
        help="Name of a shipped recipe; thalamus-train recipes lists them. Without it, --data "
        "names your own labelled files.",
        show_default=False,
    ),
]
BundleName = Annotated[str, Parameter(help="Name of a published bundle, for example digits.")]
_MODELS = Parameter(help="Folder of the published bundles.")
ModelsFolder = Annotated[Path, _MODELS, Parameter(group=_DATA)]
LabelledFiles = Annotated[
    Path,
    Parameter(
        help="Labelled files like those that the service will receive: a folder with one "
        "sub-folder per label, a table (.csv, .tsv, .jsonl, .parquet, .xlsx), or an archive of "
        "either."
    ),
]
Seed = Annotated[int | None, whole("Of weights and order. Default: the recipe's.")]
Threads = Annotated[
    int | None,
    whole(
        "CPU threads; the weights depend on their number. Default: 1 for a recipe, as for the "
        "published bundles; all processors for your own data.",
        1,
    ),
]
Source = Annotated[
    str | None,
    Parameter(
        name="--from",
        help="The trained network: imagenet, minilm, a bundle (its name or folder), or a folder of "
        "the library transformers. Default: imagenet for pictures, minilm for texts, "
        "spoken-digits for sounds.",
        metavar="NAME|FOLDER",
        group=_START,
    ),
]


@Parameter(name="*", group=_READING)
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a table, or a folder of texts, is to be understood."""

    text_column: Annotated[
        str | None,
        Parameter(
            help="Column of the texts, or of the files' names: its name, or its number from 1. "
            "Default: the one that can be nothing else.",
            metavar="NAME|NUMBER",
        ),
    ] = None
    label_column: Annotated[
        str | None, Parameter(help="Column of the labels, likewise.", metavar="NAME|NUMBER")
    ] = None
    group_column: Annotated[
        str | None,
        Parameter(
            help="Column of the speaker, patient or video: its samples are held out together. "
            "none: there is no such column.",
            metavar="NAME|NUMBER|none",
        ),
    ] = None
    split_column: Annotated[
        str | None,
        Parameter(
            help="Column of the authors' split: train, validation or test.", metavar="NAME|NUMBER"
        ),
    ] = None
    text_case: Annotated[
        TextCase,
        Parameter(
            help="keep: A and a are different letters, as in codes. lower: they are the same. "
            "auto: keep where the texts look like codes."
        ),
    ] = "auto"

    def options(self) -> ReadingOptions:
        """Return what `training.data.reading` takes."""
        return ReadingOptions(
            self.text_column,
            self.label_column,
            self.group_column,
            self.split_column,
            self.text_case,
        )


@Parameter(name="*", group=_DATA)
@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What is learned from."""

    data: Annotated[
        Path | None,
        Parameter(
            help="Your samples: a folder with one sub-folder per label, a table (.csv, .tsv, "
            ".jsonl, .parquet, .xlsx), an archive of either, an https:// address, or "
            "hf://OWNER/NAME. With a recipe: its folder or archive, if it is not to be downloaded."
        ),
    ] = None
    reading: Reading = Reading()
    name: Annotated[
        str | None,
        Parameter(
            help="Name of the model made of your samples. Default: the name of the folder.",
            metavar="NAME",
        ),
    ] = None


@Parameter(name="*", group=_PUBLICATION)
@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a new version is published, what it must reach, and whether it serves at once."""

    models: Annotated[Path, _MODELS] = Path("models")
    publish: Annotated[
        Literal["if-better", "always", "never"],
        Parameter(
            help="if-better: a classifier's new version is held, and does not serve, where its "
            "balanced accuracy on test samples that are new to both is lower than that of the "
            "version that serves by more than one standard error, or where they cannot be "
            "compared; other models are not compared. always: it serves. never: it is held. "
            "thalamus models release NAME VERSION ends a hold."
        ),
    ] = "if-better"
    target_precision: Annotated[
        float | None,
        decimal(
            "Share of a classifier's answers that must be right, for example 0.99; from the others "
            "it abstains. How many are still answered is measured and printed.",
            0.5,
            0.9999,
        ),
    ] = None
    force: Annotated[
        bool,
        Parameter(
            help="Publish even a classifier that is no better than always giving the most frequent "
            "label, never gives some label or misses the target precision; its card says so."
        ),
    ] = False


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """What changes the trained weights."""

    epochs: Annotated[
        int | None, whole("Passes over the training samples. Default: the recipe's.", 1)
    ] = None
    seed: Seed = None
    threads: Threads = None
    learning_rate: Annotated[
        float | None, decimal("The highest learning rate. Default: that of the start.", 1e-6, 10.0)
    ] = None


@Parameter(name="*", group=_PROCESSES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a training runs; it learns the same from the same samples."""

    ranks: Annotated[
        int | None, whole("Processes that train together, each on its GPU. Default: 1.", 1, 4096)
    ] = None
    checkpoints: Annotated[
        Path, Parameter(help="Folder for the state of a training, from which it can be resumed.")
    ] = Path("checkpoints")
    fresh: Annotated[
        bool, Parameter(help="Ignore existing checkpoints and start from the beginning.")
    ] = False


@Parameter(name="*", group=_START)
@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """Which weights a training starts from."""

    start: Annotated[
        Literal["auto", "linear", "scratch", "pretrained", "features"] | None,
        Parameter(
            help="auto: compare the others on a part of your samples, and train the best. linear: "
            "a linear model on the character n-grams of texts, or on how like a sound's spectrum "
            "is to those of training sounds. scratch: random weights. "
            "pretrained: tune a trained network. features: keep a trained network and fit only "
            "its last layer. Default: auto for your own samples, without --epochs and --ranks; "
            "else scratch.",
            show_default=False,
        ),
    ] = None
    source: Source = None
    minutes: Annotated[
        float | None,
        decimal(
            "With auto, about how long comparison and training may take together, on the wall and, "
            "for each 5,000 samples, of the processors. Default: 10.",
            0.1,
            100_000,
        ),
    ] = None


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """How the three starts are compared."""

    source: Source = None
    seeds: Annotated[int, whole("Trainings of each start, with one seed each.", 1, 50)] = 5
    picture: Annotated[
        Path | None, Parameter(help="File to draw the learning curves to (.svg or .png).")
    ] = None
    seed: Seed = None
    threads: Threads = None


@Parameter(name="*", group=_BUNDLE)
@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Which version of a bundle, and where."""

    version: Annotated[int | None, whole("Version of the bundle. Default: the highest.", 1)] = None
    models: Annotated[Path, Parameter(help="Folder of the published bundles.")] = Path("models")
    threads: Annotated[int, whole("CPU threads to compute with.", 1)] = 1


@Parameter(name="*", group=_BOUNDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """When a conversion is published."""

    device: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"], Parameter(help="Where speed is measured.")
    ] = "auto"
    force: Annotated[bool, Parameter(help="Publish even a version that is not faster.")] = False
    most_lost: Annotated[
        float, decimal("Largest loss of accuracy on labelled data, in percentage points.", 0, 100)
    ] = 0.5
    most_changed: Annotated[
        float, decimal("Largest share of unlabelled pictures with another label, in %.", 0, 100)
    ] = 10.0
