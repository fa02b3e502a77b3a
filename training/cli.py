"""`thalamus-train run | compare | recipes | inspect`.

A user's mistake is answered with one line on stderr and exit status 2.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from app.errors import ThalamusError
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.recipes import Language, Recipe

Trained = TypeVar("Trained", "Recipe", "Language")


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
    from training.language import run_language
    from training.recipes import Language, Pretrained
    from training.run import run

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    if isinstance(recipe, Pretrained):
        folder = export_pretrained(recipe, options.models)
    elif isinstance(recipe, Language):
        folder = run_language(_changed(recipe, options), options.data, options.models)
    else:
        folder = run(_changed(recipe, options), options.data, options.models)
    print(f"published {folder}")


def _compare(options: argparse.Namespace) -> None:
    import torch

    from training.compare import compare
    from training.recipes import Language, Recipe

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    if not isinstance(recipe, Recipe):
        why = "is no classifier" if isinstance(recipe, Language) else "comes trained"
        raise TrainingError(f"{recipe.name} {why}; there is no baseline to compare with in folds")
    compare(_changed(recipe, options), options.data, options.folds)


def _recipes(options: argparse.Namespace) -> None:
    from training.recipes import RECIPES

    for recipe in RECIPES.values():
        print(f"{recipe.name}\t{recipe.description}")


def _inspect(options: argparse.Namespace) -> None:
    from training.language import read
    from training.recipes import Language, Pretrained
    from training.run import prepare

    recipe = _recipe(options)
    if isinstance(recipe, Language):
        print(f"encoder: {read(recipe, options.data).encoder.spec.model_dump_json()}")
        return
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


def _changed(recipe: "Trained", options: argparse.Namespace) -> "Trained":
    if options.epochs:
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("thalamus-train", description="Train and publish bundles.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("run", _run, "train (or export) and publish a bundle"),
        ("inspect", _inspect, "say what a run would train on, and train nothing"),
        ("compare", _compare, "cross-validate the network and its baseline, publish nothing"),
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
        if command is _compare:
            sub.add_argument("--folds", type=_count(2, 50), default=5, help="default: 5")
        sub.set_defaults(command=command)
    recipes = commands.add_parser("recipes", help="list the shipped recipes")
    recipes.set_defaults(command=_recipes)
    return parser


if __name__ == "__main__":
    sys.exit(main())
