"""`thalamus complete | verify | migrate`: commands on local bundles."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from app.command_line import decimal, nearest, whole
from app.errors import OperatorError, ThalamusError
from app.terminal import printable

if TYPE_CHECKING:
    from app.bundle import Registry
    from app.runtime.providers import Device

BundlePath = Annotated[
    Path,
    Parameter(help="Folder models/NAME, of which the version that serves, or models/NAME/VERSION."),
]
Folder = Annotated[
    Path, Parameter(help="Folder of bundles, or of one model, or of one of its versions.")
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the words of a completion are chosen."""

    max_words: Annotated[int, whole("How many words to add at most.", 1)] = 20
    temperature: Annotated[
        float,
        decimal("0: always the most probable word. Above: words are drawn at random.", 0, 100),
    ] = 0.0
    seed: Annotated[int, whole("Of the random draws; the same seed draws the same words.", 1)] = 1
    stop_at_sentence_end: Annotated[
        bool,
        Parameter(
            name=("--stop-at-sentence-end", "--sentence"), help="Stop at the end of the sentence."
        ),
    ] = False


class Commands:
    """The commands that run bundles. registry: the tasks and modalities, loaded when first used."""

    def __init__(self, registry: "Callable[[], Registry]") -> None:
        self._registry = registry

    def complete(
        self,
        bundle: BundlePath,
        text: Annotated[str, Parameter(help="Beginning of the text.", allow_leading_hyphen=True)],
        /,
        *,
        sampling: Sampling = Sampling(),
    ) -> None:
        """Complete a text with a bundle, word by word; the speed goes to stderr.

        Example: thalamus complete models/completion "My fellow Americans" --temperature 0.8
        """
        folder = serving_folder(bundle)

        from app.bundle import read_bundle
        from app.modalities import Payload
        from app.pipeline import Pipeline, stream
        from app.tasks.complete import start_generation
        from app.tasks.generation import SamplingParams

        pipeline = Pipeline(read_bundle(folder, self._registry()))
        pipeline.require("complete")
        params = SamplingParams(
            sampling.max_words,
            sampling.temperature,
            sampling.seed,
            stop_at_sentence_end=sampling.stop_at_sentence_end,
        )
        payload = Payload(text.encode(), "text/plain")
        generation = start_generation(pipeline.encoder, payload, params)
        print(text, end="", flush=True)
        start, busy = time.perf_counter(), time.process_time()
        for word in stream(pipeline, pipeline.task, generation):
            print(_words(word.text), end="", flush=True)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        print()
        count = len(generation.words)
        speed = f"{count} words in {seconds:.3f} s, {count / busy:.0f} per second of processor time"
        print(f"{speed}, on {pipeline.provider}", file=sys.stderr)

    def verify(
        self,
        folder: Folder = Path("models"),
        /,
        *,
        device: Annotated[
            Literal["auto", "cpu", "cuda", "tensorrt"],
            Parameter(help="Where to compute; auto takes the CPU where there is no usable GPU."),
        ] = "auto",
    ) -> int:
        """Replay the golden cases of bundles, and report every answer that differs.

        What the service would not serve either is listed as such.

        Exit status 1 means that a bundle is altered or answers differently on this machine.

        Example: thalamus verify models/imagenet --device cpu
        """
        beside: dict[str, str] = {}
        found = version_folders(folder, beside)
        for path, reason in sorted(beside.items()):
            print_row("not served", path, reason)
        failed = 0
        for version in found:
            summary, problems = self._check(version, device)
            name = f"{version.parent.name}/{version.name}"
            print_row("DIFFERS" if problems else "ok", name, summary)
            for problem in problems:
                print_row("", problem)
            failed += bool(problems)
        return 1 if failed else 0

    def _check(self, version: Path, device: "Device") -> tuple[str, list[str]]:
        """Replay a version's golden cases; return a summary, and what is wrong."""
        from app.bundle import read_bundle
        from app.pipeline import Pipeline, replay

        try:
            bundle = read_bundle(version, self._registry())
            pipeline = Pipeline(bundle, device)
            problems = [str(difference) for difference in replay(bundle, pipeline)]
        except ThalamusError as error:
            return "unreadable", [str(error)]
        return f"{len(bundle.golden)} golden cases on {pipeline.provider}", problems

    def migrate(self, folder: Folder = Path("models"), /) -> int:
        """Rewrite manifests of an older schema version in the current one, and nothing else.

        Bundles of older versions are read as they are; this only brings the files up to date.

        Exit status 1 means that a bundle cannot be read; the others are rewritten all the same.

        Example: thalamus migrate models/mine
        """
        found = version_folders(folder)

        from app.bundle.migration import migrate

        failed = 0
        for path in found:
            try:
                done = "rewritten" if migrate(path, self._registry()) else "up to date"
            except ThalamusError as error:
                done, failed = f"left alone: {error}", failed + 1
            print_row(f"{path.parent.name}/{path.name}", done)
        return 1 if failed else 0


def print_row(*cells: str) -> None:
    """Print one line of a table for people and programs, without commands to the terminal."""
    print("\t".join(map(printable, cells)))


def _words(text: str) -> str:
    """Return generated text, which may have several lines, without commands to the terminal."""
    return "\n".join(map(printable, text.split("\n")))


def version_folders(
    folder: Path, beside: dict[str, str] | None = None, commands: Iterable[str] = ()
) -> list[Path]:
    """Return the version folders at or below `folder`: a root, a model or a version.

    They are those that the service would load. beside: receives what else lies there, and why it
    would not. commands: what may have been meant by the name of a folder that is not there. Links
    are kept, because the names that they stand under count.
    """
    from app.bundle.listing import list_models

    whole = Path(os.path.abspath(folder))  # noqa: PTH100 (resolving it would follow links)
    if (whole / "manifest.json").exists():
        return [whole]
    try:
        model = list_models(whole.parent, [whole.name])
        listing = model if model.versions else list_models(whole)
    except OSError as error:
        if folder.exists() or not whole.parent.is_dir():
            raise OperatorError(f"{folder}: cannot be listed ({error.strerror})") from error
        near = [*(str(path) for path in folder.parent.iterdir() if path.is_dir()), *commands]
        raise OperatorError(f"{folder}: no such folder{nearest(str(folder), near)}") from error
    if beside is not None:
        beside |= listing.beside
    if listing.versions:
        return [listing.versions[key] for key in sorted(listing.versions)]
    why = "".join(f"; {path}: {reason}" for path, reason in sorted(listing.beside.items())[:3])
    raise OperatorError(f"{folder}: no bundle here; expected <name>/<version>/manifest.json{why}")


def serving_folder(folder: Path) -> Path:
    """Return a version's folder, or of a model that of the version that serves.

    Raises `OperatorError` for a folder of several models, and where no version serves.
    """
    found = version_folders(folder)
    names = sorted({path.parent.name for path in found})
    if len(names) > 1:
        raise OperatorError(
            f"{folder} holds several models; name one, for example {folder / names[0]}"
        )
    if (folder / "manifest.json").exists():
        return found[0]

    from app.serving.rule_state import rule_state

    state = rule_state(found[0].parent)
    if state.problem is not None or state.version is None:
        raise OperatorError(f"{state.problem}; name a version, for example {found[-1]}")
    return found[0].parent / str(state.version)
