"""The command line of `thalamus-train`: what it takes, not what it does."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from training.errors import TrainingError

Command = Callable[[argparse.Namespace], None]
_TRAINING = {  # commands that take a recipe, or data of one's own
    "run": "train (or export) and publish a bundle",
    "inspect": "say what a run would train on, and train nothing",
    "compare": "cross-validate the network and its baseline, publish nothing",
    "compare-starts": "learn in all three ways, publish nothing",
    "few-labels": "say what learning without labels is worth, publish nothing",
}


def parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return what reads the arguments; `options.command` is the chosen one of `commands`.

    A mistake raises `TrainingError`.
    """
    whole = _Parser("thalamus-train", description="Train and publish bundles.")
    subs = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, text in _TRAINING.items():
        _add_recipe(subs.add_parser(name, help=text), name)
    _add_publish(subs.add_parser("publish", help="a published bundle's next version in fewer bits"))
    _add_measure(subs.add_parser("measure", help="how good a published bundle is on your files"))
    _add_calibrate(
        subs.add_parser("calibrate", help="a published bundle's next version, set on your files")
    )
    subs.add_parser("recipes", help="list the shipped recipes")
    for name, sub in subs.choices.items():
        sub.set_defaults(command=commands[name])
    return whole


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
        help="where a stopped training is kept, to be resumed (default: checkpoints)",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="ignore existing checkpoints and start over"
    )


def _add_recipe(sub: argparse.ArgumentParser, command: str) -> None:
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
    if command != "inspect":
        _add_training(sub)
    _add_choices(sub, command)


def _add_choices(sub: argparse.ArgumentParser, command: str) -> None:
    """Add the options that one command has and the others have not."""
    if command == "compare":
        sub.add_argument("--folds", type=_count(2, 50), default=5, help="default: 5")
    if command == "few-labels":
        splits = ("validation", "test")
        sub.add_argument("--split", choices=splits, default="validation", help="to test on")
    if command == "run":
        sub.add_argument(
            "--start",
            choices=("scratch", "pretrained", "features"),
            default="scratch",
            help="random weights (default); tune a trained network; or keep one as it is and "
            "fit its last layer, which takes seconds",
        )
    if command in ("run", "compare-starts"):
        sub.add_argument(
            "--from",
            dest="source",
            metavar="NAME|FOLDER",
            help="the trained network: imagenet, minilm, a bundle (digits, or its folder), or "
            "a folder of the library transformers (default: imagenet for pictures, minilm "
            "for texts, spoken-digits for sounds)",
        )
    if command == "compare-starts":
        sub.add_argument("--seeds", type=_count(1, 50), default=5, help="default: 5")
        sub.add_argument("--picture", type=Path, help="where to draw the curves (.svg, .png)")


def _add_bundle(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", help="of the bundle")
    sub.add_argument("--version", type=_count(1), help="default: the highest")
    sub.add_argument("--models", type=Path, default=Path("models"), help="where it lies")
    sub.add_argument("--threads", type=_count(1), default=1, help="CPU threads (default: 1)")


def _add_calibrate(sub: argparse.ArgumentParser) -> None:
    _add_bundle(sub)
    text = "a folder with a sub-folder for each label, or a table, of what it will be asked"
    sub.add_argument("--data", type=Path, required=True, help=text)


def _add_measure(sub: argparse.ArgumentParser) -> None:
    _add_calibrate(sub)
    sub.add_argument("--report", type=Path, metavar="FILE", help="where to write all of it as JSON")


def _add_publish(sub: argparse.ArgumentParser) -> None:
    _add_bundle(sub)
    sub.add_argument("--precision", choices=("int8", "fp16"), required=True)
    sub.add_argument("--data", type=Path, help="what it was trained on; pictures for imagenet")
    sub.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        default="auto",
        help="where speed is measured",
    )
    sub.add_argument("--force", action="store_true", help="even where it is not faster")
    for name, default, text in (
        ("--most-lost", 0.5, "percent of accuracy that may be lost"),
        ("--most-changed", 10.0, "percent of unlabelled pictures that may be called otherwise"),
    ):
        sub.add_argument(name, type=float, default=default, help=f"{text} (default: {default})")
