"""`thalamus-train run | compare | compare-starts | few-labels | publish | recipes | inspect`.

A user's mistake is answered with one line on stderr and exit status 2.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from app.errors import ThalamusError
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.recipes import Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    try:
        options = _parser().parse_args(arguments)
        options.command(options)
    except ThalamusError as error:
        print(f"thalamus-train: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"thalamus-train: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"thalamus-train: {error}; see CONTRIBUTING.md (make setup)", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("thalamus-train: stopped; nothing was published", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    import torch

    from training.export_pretrained import export_pretrained
    from training.recipes import Pretrained
    from training.run import run
    from training.starts import started
    from training.unsupervised import run_unsupervised

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    if isinstance(recipe, Pretrained):
        if options.start != "scratch" or options.source:
            raise TrainingError(f"{recipe.name} comes trained; it starts from nothing else")
        print(f"published {export_pretrained(recipe, options.models)}")
        return
    recipe = started(recipe, options.data, options.start, options.source, options.models)
    recipe = _changed(recipe, options)
    way = run if recipe.schedule.objective is None else run_unsupervised
    with _together(options):
        folder = way(recipe, options.data, options.models)
        print(f"published {folder}")


@contextmanager
def _together(options: argparse.Namespace) -> Iterator[None]:
    """Have what is trained within keep its checkpoints, by so many ranks as are asked for."""
    from training.checkpoint import Checkpoints
    from training.ranks import joined

    with joined(options.ranks), Checkpoints(options.checkpoints, options.fresh):
        yield


def _publish(options: argparse.Namespace) -> None:
    import torch

    from training.conversion import Bounds, newest, publish_converted

    torch.set_num_threads(options.threads)
    bundle = newest(options.models, options.name, options.version)
    bounds = Bounds(options.most_lost / 100, options.most_changed / 100, options.force)
    folder = publish_converted(
        bundle, options.precision, options.data, options.models, bounds, options.device
    )
    print(f"published {folder}")


def _compare(options: argparse.Namespace) -> None:
    import torch

    from training.compare import compare
    from training.recipes import Pretrained

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    if isinstance(recipe, Pretrained):
        raise TrainingError(f"{recipe.name} comes trained; there is no baseline to compare with")
    with _together(options):
        compare(_changed(recipe, options), options.data, options.folds)


def _few_labels(options: argparse.Namespace) -> None:
    import torch

    from training.recipes import Pretrained
    from training.unsupervised import study

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    if isinstance(recipe, Pretrained):
        raise TrainingError(f"{recipe.name} comes trained; there is nothing to study")
    with _together(options):
        study(_changed(recipe, options), options.data, options.split)


def _compare_starts(options: argparse.Namespace) -> None:
    import torch

    from training.compare_starts import compare_starts
    from training.recipes import Pretrained

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    if isinstance(recipe, Pretrained):
        raise TrainingError(f"{recipe.name} comes trained; there is no start to compare")
    seed = recipe.seed if options.seed is None else options.seed
    seeds = range(seed, seed + options.seeds)
    compare_starts(
        recipe, options.data, options.source, options.models, seeds, picture=options.picture
    )


def _recipes(options: argparse.Namespace) -> None:
    from training.recipes import RECIPES

    for recipe in RECIPES.values():
        print(f"{recipe.name}\t{recipe.description}")


def _inspect(options: argparse.Namespace) -> None:
    from training.recipes import Pretrained
    from training.run import prepare

    recipe = _recipe(options)
    if isinstance(recipe, Pretrained):
        raise TrainingError(f"{recipe.name} comes trained; there is no data to inspect")
    data = prepare(recipe, options.data)
    for label, count in sorted(data.dataset.counts().items()):
        print(f"{count:7d}  {label}")
    print(f"encoder: {data.encoder.model_dump_json()}")


def _recipe(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from training.recipes import RECIPES
    from training.recipes.own import own_recipe

    if options.recipe is None:
        if options.data is None:
            raise TrainingError("name a recipe (thalamus-train recipes), or your --data FOLDER")
        return own_recipe(options.data, options.name)
    if options.recipe not in RECIPES:
        raise TrainingError(f"no recipe {options.recipe!r}; there are {', '.join(RECIPES)}")
    if options.name is not None:
        raise TrainingError(f"--name is for your own data; {options.recipe} has its name")
    return RECIPES[options.recipe]


def _changed(recipe: "Recipe", options: argparse.Namespace) -> "Recipe":
    if options.epochs:
        if getattr(options, "start", None) == "features":
            raise TrainingError("--epochs: feature extraction has none")
        recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=options.epochs))
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    return recipe


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise TrainingError(f"{message}; see {self.prog} --help")


def _count(least: int, most: int = (1 << 32) - 1) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return value

    return number


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Add how a training runs: nothing that changes what it learns from."""
    parser.add_argument("--ranks", type=_count(1, 4096), help="processes, one a GPU (default: 1)")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("checkpoints"),
        help="where a stopped training is kept until it is gone on with (default: checkpoints)",
    )
    parser.add_argument("--fresh", action="store_true", help="go on with none, begin anew")


def _add_publish(commands: Any) -> None:
    sub = commands.add_parser("publish", help="a published bundle's next version in fewer bits")
    sub.add_argument("name", help="of the bundle")
    sub.add_argument("--precision", choices=("int8", "fp16"), required=True)
    sub.add_argument("--version", type=_count(1), help="default: the highest")
    sub.add_argument("--data", type=Path, help="what it was trained on; pictures for imagenet")
    sub.add_argument("--models", type=Path, default=Path("models"), help="where it lies")
    sub.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        default="auto",
        help="where speed is measured",
    )
    sub.add_argument("--force", action="store_true", help="even where it is not faster")
    sub.add_argument("--threads", type=_count(1), default=1, help="CPU threads (default: 1)")
    for name, default, text in (
        ("--most-lost", 0.5, "percent of accuracy that may be lost"),
        ("--most-changed", 10.0, "percent of unlabelled pictures that may be called otherwise"),
    ):
        sub.add_argument(name, type=float, default=default, help=f"{text} (default: {default})")
    sub.set_defaults(command=_publish)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("thalamus-train", description="Train and publish bundles.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("run", _run, "train (or export) and publish a bundle"),
        ("inspect", _inspect, "say what a run would train on, and train nothing"),
        ("compare", _compare, "cross-validate the network and its baseline, publish nothing"),
        ("compare-starts", _compare_starts, "learn in all three ways, publish nothing"),
        ("few-labels", _few_labels, "say what learning without labels is worth, publish nothing"),
    ):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("recipe", nargs="?", help="a shipped recipe; without it, --data is yours")
        sub.add_argument("--data", type=Path, help="folder, archive or table with the samples")
        sub.add_argument("--name", help="name of your model (default: the folder's)")
        sub.add_argument("--models", type=Path, default=Path("models"), help="where to publish")
        sub.add_argument("--epochs", type=_count(1), help="instead of the recipe's")
        sub.add_argument("--seed", type=_count(0), help="instead of the recipe's")
        sub.add_argument(
            "--threads",
            type=_count(1),
            default=1,
            help="CPU threads; weights depend on it (default: 1)",
        )
        if command is not _inspect:
            _add_training(sub)
        _add_choices(sub, command)
        sub.set_defaults(command=command)
    _add_publish(commands)
    recipes = commands.add_parser("recipes", help="list the shipped recipes")
    recipes.set_defaults(command=_recipes)
    return parser


def _add_choices(sub: argparse.ArgumentParser, command: Callable[..., None]) -> None:
    """Add the options that one command has and the others have not."""
    if command is _compare:
        sub.add_argument("--folds", type=_count(2, 50), default=5, help="default: 5")
    if command is _few_labels:
        splits = ("validation", "test")
        sub.add_argument("--split", choices=splits, default="validation", help="to test on")
    if command is _run:
        sub.add_argument(
            "--start",
            choices=("scratch", "pretrained", "features"),
            default="scratch",
            help="random weights (default); tune a trained network; or keep one as it is and "
            "fit its last layer, which takes seconds",
        )
    if command in (_run, _compare_starts):
        sub.add_argument(
            "--from",
            dest="source",
            metavar="NAME|FOLDER",
            help="the trained network: imagenet, minilm, a bundle (digits, or its folder), or "
            "a folder of the library transformers (default: imagenet for pictures, minilm "
            "for texts, spoken-digits for sounds)",
        )
    if command is _compare_starts:
        sub.add_argument("--seeds", type=_count(1, 50), default=5, help="default: 5")
        sub.add_argument("--picture", type=Path, help="where to draw the curves (.svg, .png)")


if __name__ == "__main__":
    sys.exit(main())
