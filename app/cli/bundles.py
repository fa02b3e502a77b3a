"""`thalamus predict | complete | models | verify`: what is done with bundles on this machine."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from app.command_line import check_readable, decimal, nearest, whole
from app.errors import InvalidInput, OperatorError, ThalamusError

Bundle = Annotated[
    Path,
    Parameter(help="Folder models/NAME, of which the highest version, or models/NAME/VERSION."),
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
    sentence: Annotated[bool, Parameter(help="Stop at the end of the sentence.")] = False


def predict(
    bundle: Bundle,
    files: Annotated[list[Path], Parameter(help="Files to classify or to reconstruct.")],
    /,
    *,
    top_k: Annotated[int, whole("How many labels to show, the most probable first.", 1)] = 5,
    explain: Annotated[
        bool, Parameter(help="Add which parts of the input count; of a tree: every phrase.")
    ] = False,
) -> None:
    """Classify files with a bundle, and print one JSON object a line.

    Example: thalamus predict models/imagenet cat.jpg --top-k 3
    """
    folder = _newest(bundle)
    check_readable(files)

    from app.bundle import read_bundle
    from app.modalities import Payload
    from app.pipeline import Classes, Pipeline, Rebuilt

    pipeline = Pipeline(read_bundle(folder))
    asked: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
        "classify": (Classes(top_k, explain), asdict),
        "reconstruct": (Rebuilt(), _reconstructed),
    }
    if pipeline.manifest.task not in asked:
        name = pipeline.manifest.name
        raise OperatorError(f"{name} completes texts; use: thalamus complete {bundle} TEXT")
    wanted, shown = asked[pipeline.manifest.task]
    for path in files:
        payload = Payload(path.read_bytes(), "application/octet-stream")
        try:
            answer = shown(pipeline.predict([payload], wanted)[0])
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error}") from error
        print(json.dumps({"file": str(path), **answer}, ensure_ascii=False))


def _reconstructed(answer: Any) -> dict[str, Any]:
    return {"reconstruction_error": answer.error, "novelty": answer.novelty}


def complete(
    bundle: Bundle,
    text: Annotated[str, Parameter(help="Beginning of the text.", allow_leading_hyphen=True)],
    /,
    *,
    sampling: Sampling = Sampling(),
) -> None:
    """Complete a text with a bundle, word by word; the speed goes to stderr.

    Example: thalamus complete models/completion "My fellow Americans" --temperature 0.8
    """
    folder = _newest(bundle)

    from app.bundle import read_bundle
    from app.modalities import Payload
    from app.pipeline import Manner, Pipeline, begin, stream

    pipeline = Pipeline(read_bundle(folder))
    manner = Manner(
        sampling.max_words, sampling.temperature, sampling.seed, sentence=sampling.sentence
    )
    continuation = begin(pipeline, Payload(text.encode(), "text/plain"), manner)
    print(text, end="", flush=True)
    begun, busy = time.perf_counter(), time.process_time()
    for word in stream(pipeline, continuation):
        print(word.text, end="", flush=True)
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    print()
    count = len(continuation.words)
    speed = f"{count} words in {seconds:.3f} s, {count / busy:.0f} per second of processor time"
    print(f"{speed}, on {pipeline.provider}", file=sys.stderr)


def models(folder: Folder = Path("models"), /) -> None:
    """List bundles: name and version, modality, and the first figure of the manifest.

    Example: thalamus models models
    """
    from app.bundle import read_bundle

    for found in _bundles(folder):
        manifest = read_bundle(found).manifest
        figures = ", ".join(f"{m.name} {m.value:.4g} ({m.split})" for m in manifest.metrics[:1])
        print(f"{manifest.name}/{manifest.version}\t{manifest.modality}\t{figures}")


def verify(
    folder: Folder = Path("models"),
    /,
    *,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"],
        Parameter(help="Where to compute; auto takes the CPU where there is no usable GPU."),
    ] = "auto",
) -> int:
    """Replay the golden cases of bundles, and report every answer that differs.

    Exit status 1 means that a bundle is altered or answers differently on this machine.

    Example: thalamus verify models/imagenet --device cpu
    """
    found = _bundles(folder)

    from app.bundle import read_bundle
    from app.pipeline import Pipeline, replay

    failed = 0
    for path in found:
        try:
            bundle = read_bundle(path)
            pipeline = Pipeline(bundle, device)
            problems = [str(difference) for difference in replay(bundle, pipeline)]
        except ThalamusError as error:
            problems, summary = [str(error)], "unreadable"
        else:
            summary = f"{len(bundle.golden)} golden cases on {pipeline.provider}"
        print(f"{'DIFFERS' if problems else 'ok'}\t{path.parent.name}/{path.name}\t{summary}")
        for problem in problems:
            print(f"\t{problem}")
        failed += bool(problems)
    return 1 if failed else 0


def _bundles(folder: Path) -> list[Path]:
    """Return the version folders at or below `folder`: a root, a model or a version."""
    if (folder / "manifest.json").is_file():
        return [folder.resolve()]
    found = sorted(
        path.parent.resolve()
        for pattern in ("*/manifest.json", "*/*/manifest.json")
        for path in folder.glob(pattern)
        if not path.parent.name.startswith(".")
    )
    if found:
        return found
    if folder.exists() or not folder.parent.is_dir():
        raise OperatorError(f"{folder}: no bundle here; expected <name>/<version>/manifest.json")
    beside = [str(path) for path in folder.parent.iterdir() if path.is_dir()]
    raise OperatorError(f"{folder}: no such folder{nearest(str(folder), beside)}")


def _newest(folder: Path) -> Path:
    return max(_bundles(folder), key=lambda path: int(path.name) if path.name.isdigit() else 0)
