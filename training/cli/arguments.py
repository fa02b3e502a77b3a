"""The options of `thalamus-train`, in groups: what it takes, not what it does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from app.command_line import decimal, whole

NETWORKS = ("imagenet", "minilm")  # that Python packages carry: `training.transfer.PACKAGES`

_DATA = Group("Data and model", sort_key=1)
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
        "sub-folder per label, or a table (.csv, .tsv, .jsonl) with the columns text and label."
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


@Parameter(name="*", group=_DATA)
@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What is learned from."""

    data: Annotated[
        Path | None,
        Parameter(
            help="Your samples: a folder with one sub-folder per label, or a table (.csv, .tsv, "
            ".jsonl) with the columns text and label. With a recipe: its folder or archive, if it "
            "is not to be downloaded."
        ),
    ] = None
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
    """Where a new version is published, and whether it serves at once."""

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


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """What changes the trained weights."""

    epochs: Annotated[
        int | None, whole("Passes over the training samples. Default: the recipe's.", 1)
    ] = None
    seed: Seed = None
    threads: Threads = None


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
        Literal["scratch", "pretrained", "features"],
        Parameter(
            help="scratch: random weights. pretrained: tune a trained network. features: keep a "
            "trained network and fit only its last layer, which takes seconds."
        ),
    ] = "scratch"
    source: Source = None


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
