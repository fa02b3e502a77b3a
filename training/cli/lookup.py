"""What arguments name, found and checked without torch, so that a mistake is answered at once."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.command_line import nearest
from training.cli.arguments import (
    NETWORKS,
    Destination,
    Execution,
    Reading,
    Samples,
    ScheduleOptions,
    StartOptions,
)
from training.cli.cluster_options import ClusterOptions
from training.errors import MissingData, TrainingError
from training.recipes import RECIPES
from training.recipes.own_data import summarize_own_data
from training.recipes.summary import FIXED_START, NO_CLASSIFIER, RecipeSummary

if TYPE_CHECKING:
    from app.bundle import Bundle
    from training.recipes import AnyRecipe, Recipe


def summarize(name: str | None, samples: Samples) -> RecipeSummary:
    """Return what is known of the recipe that is named, or of one for the samples given.

    Raises `TrainingError` where there can be none.
    """
    if name is not None and name not in RECIPES:
        known = ", ".join(RECIPES)
        raise TrainingError(f"no recipe {name!r}{nearest(name, RECIPES)}; there are {known}")
    if name is not None and samples.name is not None:
        raise TrainingError(f"--name is for your own data; {name} has its name")
    if name is not None and samples.reading != Reading():
        raise TrainingError(
            f"options for tables and texts are for your own data; {name} has its own"
        )
    check_data(samples.data)
    if name is not None:
        return RECIPES.summary(name)
    if samples.data is None:
        raise TrainingError("name a recipe (thalamus-train recipes), or your --data FOLDER")

    from training.data.reading.read import check

    summary = summarize_own_data(samples.data, samples.name)
    check(samples.data, samples.reading.options())
    return summary


def local_samples(samples: Samples) -> Samples:
    """Return the samples where they lie on this machine; download them from an address."""
    return replace(samples, data=local_data(samples.data)) if samples.data else samples


def local_data(data: Path) -> Path:
    """Return where data lie on this machine; download them from an address."""
    from training.data.reading.remote import local

    return local(data)


def check_labelled(data: Path, reading: Reading) -> None:
    """Raise `TrainingError` for what the names of labelled files, or a table, show is wrong."""
    from training.data.reading.read import check

    check(data, reading.options(), for_training=False)


def find_recipe(name: str | None, samples: Samples) -> "AnyRecipe":
    """Return the recipe that was summarized, which imports torch."""
    if name is not None:
        return RECIPES[name]
    assert samples.data is not None  # `summarize` asks for it

    from training.recipes.auto import auto_recipe

    return auto_recipe(samples.data, samples.name, options=samples.reading.options())


def find_classifier(name: str | None, samples: Samples) -> "Recipe":
    """Return the recipe that was summarized and trains on samples, which imports torch."""
    from training.recipes import Recipe

    found = find_recipe(name, samples)
    assert isinstance(found, Recipe), found.task  # `check_classifier` refuses the other kinds
    return found


def newest(models: Path, name: str, version: int | None) -> "Bundle":
    """Return a published bundle, by default the highest version; raise `TrainingError`."""
    from app.bundle import read_bundle, versions
    from app.registry import SHIPPED

    folder = models / name
    found = versions(folder) if folder.is_dir() else {}
    if not found or version not in (None, *found):
        beside = [path.name for path in models.iterdir()] if models.is_dir() else []
        close = "" if found else nearest(name, beside)
        raise TrainingError(f"{models} holds no {name}{f'/{version}' if version else ''}{close}")
    return read_bundle(found[version or max(found)], SHIPPED)


def check_data(data: Path | None) -> None:
    """Raise `MissingData` where nothing is there, `OSError` where it cannot be read."""
    if data is None:
        return
    if not data.exists():
        raise MissingData(f"{data} does not exist")
    if data.is_dir():
        next(data.iterdir(), None)
    else:
        data.open("rb").close()


def check_models(models: Path) -> None:
    """Raise `TrainingError` where a file stands in the place of the folder of bundles."""
    if models.exists() and not models.is_dir():
        raise TrainingError(f"{models} is not a folder that can be written to")


def check_report(report: Path | None) -> None:
    """Raise `TrainingError` where a file cannot be written."""
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise TrainingError(f"--report {report}: expected a file in a folder that exists")


def resolve_start(
    start: StartOptions, own: bool, schedule: ScheduleOptions, ranks: int | None
) -> Literal["auto", "linear", "scratch", "pretrained", "features"]:
    """Return the start; raise `TrainingError` where the options contradict each other.

    own: whether the samples are the user's own, and no recipe's.
    """
    named = schedule.epochs or schedule.learning_rate or ranks
    default: Literal["auto", "scratch"] = "auto" if own and not named else "scratch"
    chosen = start.start or default
    if start.source is not None and start.start is None:
        raise TrainingError("--from names what --start pretrained or features starts from")
    if chosen in ("auto", "linear") and not own:
        raise TrainingError(f"--start {chosen} is for your own samples (--data without a recipe)")
    if chosen in ("auto", "linear", "scratch") and start.source is not None:
        raise TrainingError("--from names what --start pretrained or features starts from")
    for option, value in (("epochs", schedule.epochs), ("learning-rate", schedule.learning_rate)):
        if chosen == "auto" and value:
            raise TrainingError(f"--{option}: --start auto chooses that; name the start it is for")
        if chosen in ("linear", "features") and value:
            what = "feature extraction" if chosen == "features" else "a linear model"
            raise TrainingError(f"--{option}: {what} has none")
    if chosen == "auto" and ranks is not None:
        raise TrainingError("--ranks: name a --start, which all of them learn from")
    if chosen != "auto" and start.minutes is not None:
        raise TrainingError("--minutes: only --start auto looks at the clock; others have --epochs")
    return chosen


def check_startable(recipe: RecipeSummary, why: str) -> None:
    """Raise `TrainingError` where a recipe of this task starts in one way only; `why` it counts."""
    if recipe.task in FIXED_START:
        raise TrainingError(f"{recipe.name} {FIXED_START[recipe.task]}; {why}")


def check_effects(
    recipe: RecipeSummary,
    start: StartOptions,
    samples: Samples,
    schedule: ScheduleOptions,
    execution: Execution,
    cluster: ClusterOptions,
) -> None:
    """Raise `TrainingError` for options that would change nothing."""
    unmet: dict[str, object] = {}
    if recipe.task == "export":
        unmet = {"data": samples.data, "epochs": schedule.epochs, "seed": schedule.seed}
        unmet |= {"learning-rate": schedule.learning_rate, "on": cluster.on}
    no_epochs = start.start in ("features", "linear") and not recipe.has_baseline
    if recipe.task == "export" or no_epochs:
        unmet |= {"ranks": execution.ranks, "workers": cluster.workers}
    given = [f"--{name}" for name, value in unmet.items() if value is not None]
    if given:
        why = (
            f"{recipe.name} comes trained"
            if recipe.task == "export"
            else f"--start {start.start} has no epochs"
        )
        raise TrainingError(f"{', '.join(given)} would change nothing: {why}")


def check_demands(recipe: RecipeSummary, destination: Destination) -> None:
    """Raise `TrainingError` for what is asked of a classifier where none is trained."""
    demands = {"target-precision": destination.target_precision, "force": destination.force}
    if given := [f"--{name}" for name, value in demands.items() if value]:
        named = " and ".join(given)
        if recipe.task != "classify":
            raise TrainingError(f"{named}: {recipe.name} trains no classifier")


def check_classifier(recipe: RecipeSummary, why: str) -> None:
    """Raise `TrainingError` where a recipe does not train on samples; `why` it counts."""
    if recipe.task in NO_CLASSIFIER:
        raise TrainingError(f"{recipe.name} {NO_CLASSIFIER[recipe.task]}; {why}")


def check_source(source: str | None, models: Path) -> None:
    """Raise `TrainingError` where `--from` names neither a network nor a folder."""
    if source is None or source in NETWORKS:
        return
    if not Path(source).is_dir() and not (models / source).is_dir():
        known = ", ".join(NETWORKS)
        raise TrainingError(
            f"--from {source}: neither {known}, nor a bundle in {models}, nor a folder"
        )


def print_published(folder: Path) -> None:
    """Print which version was published, and why it does not serve, if it does not."""
    from training.runs.version_plan import standing

    print(f"published {folder}")
    for line in standing(folder):
        print(line)
