"""`thalamus-train train | inspect | recipes | measure | compare | … | calibrate | quantize`.

A mistake is one line on stderr and exit status 2. torch is imported last: help, and whatever can
be seen to be wrong without it, is answered at once.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from cyclopts import Group

from app.command_line import program, run_program
from training.cli import bundles, recipes
from training.cli.train import train
from training.progress import shown

thalamus_train = program("thalamus-train", "Train, measure and publish model bundles.")

_TRAINING = Group("Training", sort_key=1)
_MEASURING = Group("Measuring", sort_key=2)
_PUBLISHING = Group("Publishing a next version", sort_key=3)

thalamus_train.command(train, alias="run", group=_TRAINING)
thalamus_train.command(recipes.inspect, group=_TRAINING)
thalamus_train.command(recipes.recipes, group=_TRAINING)
thalamus_train.command(recipes.compare, group=_MEASURING)
thalamus_train.command(recipes.compare_starts, group=_MEASURING)
thalamus_train.command(recipes.few_labels, group=_MEASURING)
# Their `--version` is that of a bundle.
thalamus_train.command(bundles.measure, group=_MEASURING, version_flags=())
thalamus_train.command(bundles.calibrate, group=_PUBLISHING, version_flags=())
thalamus_train.command(bundles.quantize, group=_PUBLISHING, version_flags=())
thalamus_train.command(bundles.card, group=_PUBLISHING, version_flags=())
# Its former name, which scripts use.
thalamus_train.command(bundles.quantize, name="publish", show=False, version_flags=())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    try:
        with _ended_by_sigterm(), shown():
            return run_program(thalamus_train, arguments, stopped="stopped; nothing was published")
    except ModuleNotFoundError as error:
        print(f"thalamus-train: {error}; see CONTRIBUTING.md (make setup)", file=sys.stderr)
        return 2


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end this process as an error does: what it laid out on disk is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
